fn main() {
    // Half of it is enough for as many calls as start.py allows. It lies first in memory, so that an
    // overflow traps instead of running over data.
    println!("cargo:rustc-link-arg-cdylib=-zstack-size=2097152");
    println!("cargo:rerun-if-changed=build.rs");
}
