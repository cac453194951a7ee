//! num-bigint in the place of malachite-bigint, which has its interface but another licence: what
//! is packed with a plugin is not to be under the LGPL.

pub use num_bigint::*;
