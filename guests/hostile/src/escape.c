/* Functions that look for a way out: for files, the environment, the network, the time of day, what
 * others keep in memory. Each passes its record on when it has found nothing, and fails it with
 * what it found. */
#define WF_NAME "hostile-escape"
#define WF_VERSION "1.0.0"
#define WF_FUNCTIONS(F)                                                                \
    F(files, "transform", "opens, lists, makes and removes files")                     \
    F(descriptors, "transform", "reads and writes descriptors it was not given")       \
    F(environment, "transform", "reads the environment and the arguments")             \
    F(network, "transform", "accepts, sends and receives")                             \
    F(time_of_day, "transform", "looks for a clock that goes while it works")          \
    F(pointers, "transform", "has the host write where its memory has ended")          \
    F(secrets, "transform", "plants a secret in its memory, or seeks that of another")
#include "hostile.h"

#define WASI(name) WASI_IMPORT(#name) uint32_t name

typedef uint32_t u32;
typedef uint64_t u64;

WASI(path_open)(u32 fd, u32 look, const char *path, u32 length, u32 how, u64 rights, u64 inherited,
                u32 flags, u32 *opened);
WASI(path_create_directory)(u32 fd, const char *path, u32 length);
WASI(path_remove_directory)(u32 fd, const char *path, u32 length);
WASI(path_unlink_file)(u32 fd, const char *path, u32 length);
WASI(path_readlink)(u32 fd, const char *path, u32 length, void *to, u32 size, u32 *used);
WASI(path_filestat_get)(u32 fd, u32 look, const char *path, u32 length, void *to);
WASI(path_rename)(u32 fd, const char *path, u32 length, u32 to, const char *name, u32 size);
WASI(path_symlink)(const char *path, u32 length, u32 fd, const char *name, u32 size);
WASI(path_link)(u32 fd, u32 look, const char *path, u32 length, u32 to, const char *name, u32 size);
WASI(fd_prestat_get)(u32 fd, void *to);
WASI(fd_prestat_dir_name)(u32 fd, char *to, u32 size);
WASI(fd_readdir)(u32 fd, void *to, u32 size, u64 cookie, u32 *used);
WASI(fd_read)(u32 fd, const void *vectors, u32 count, u32 *used);
WASI(fd_pread)(u32 fd, const void *vectors, u32 count, u64 at, u32 *used);
WASI(fd_write)(u32 fd, const void *vectors, u32 count, u32 *used);
WASI(fd_pwrite)(u32 fd, const void *vectors, u32 count, u64 at, u32 *used);
WASI(fd_allocate)(u32 fd, u64 at, u64 size);
WASI(fd_filestat_set_size)(u32 fd, u64 size);
WASI(fd_renumber)(u32 fd, u32 to);
WASI(fd_filestat_get)(u32 fd, void *to);
WASI(fd_fdstat_get)(u32 fd, void *to);
WASI(environ_sizes_get)(u32 *count, u32 *size);
WASI(environ_get)(void *list, void *text);
WASI(args_sizes_get)(u32 *count, u32 *size);
WASI(args_get)(void *list, void *text);
WASI(sock_accept)(u32 fd, u32 flags, u32 *accepted);
WASI(sock_recv)(u32 fd, const void *vectors, u32 count, u32 how, u32 *used, u32 *flags);
WASI(sock_send)(u32 fd, const void *vectors, u32 count, u32 how, u32 *used);
WASI(sock_shutdown)(u32 fd, u32 how);
WASI(clock_time_get)(u32 clock, u64 precision, u64 *to);
WASI(clock_res_get)(u32 clock, u64 *to);
WASI(random_get)(void *to, u32 size);

#define DESCRIPTORS 64 /* descriptors that are tried; the first three are the standard ones */
#define EFAULT 21

static u32 out[2];
static uint8_t room[256];
static struct { void *at; u32 size; } vector = {room, sizeof(room)};

/* FOUND fails the record if a call that should not have gone well did. */
#define FOUND(call, text) \
    if ((call) == 0) return wf_fail(1, text)

static wf_verdict files(const wf_record *r) {
    static const char *const paths[] = {
        ".", "/", "reachable", "/etc/passwd", "../../../../../etc/passwd", "/proc/self/environ",
        "C:\\Windows",
    };
    (void)r;
    for (u32 fd = 0; fd < DESCRIPTORS; fd++)
        for (u32 i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            const char *p = paths[i];
            u32 n = wf_length(p);
            for (u32 how = 0; how < 16; how++)
                FOUND(path_open(fd, 1, p, n, how, ~0ull, ~0ull, 0, out), "path_open");
            FOUND(path_filestat_get(fd, 1, p, n, room), "path_filestat_get");
            FOUND(path_readlink(fd, p, n, room, sizeof(room), out), "path_readlink");
            FOUND(path_create_directory(fd, "made", 4), "path_create_directory");
            FOUND(path_rename(fd, p, n, fd, "moved", 5), "path_rename");
            FOUND(path_link(fd, 0, p, n, fd, "linked", 6), "path_link");
            FOUND(path_symlink(p, n, fd, "linked", 6), "path_symlink");
            FOUND(path_unlink_file(fd, p, n), "path_unlink_file");
            FOUND(path_remove_directory(fd, p, n), "path_remove_directory");
        }
    return wf_forward();
}

static wf_verdict descriptors(const wf_record *r) {
    (void)r;
    for (u32 fd = 0; fd < DESCRIPTORS; fd++) {
        FOUND(fd_prestat_get(fd, room), "fd_prestat_get");
        FOUND(fd_prestat_dir_name(fd, (char *)room, sizeof(room)), "fd_prestat_dir_name");
        FOUND(fd_readdir(fd, room, sizeof(room), 0, out), "fd_readdir");
        FOUND(fd_pread(fd, &vector, 1, 0, out), "fd_pread");
        FOUND(fd_pwrite(fd, &vector, 1, 0, out), "fd_pwrite");
        FOUND(fd_allocate(fd, 0, 1), "fd_allocate");
        FOUND(fd_filestat_set_size(fd, 0), "fd_filestat_set_size");
        FOUND(fd_renumber(fd, 3), "fd_renumber");
        out[0] = 0;
        if (fd_read(fd, &vector, 1, out) == 0 && out[0]) return wf_fail(1, "fd_read");
        if (fd < 3) continue;
        FOUND(fd_write(fd, &vector, 1, out), "fd_write");
        FOUND(fd_filestat_get(fd, room), "fd_filestat_get");
        FOUND(fd_fdstat_get(fd, room), "fd_fdstat_get");
    }
    return wf_forward();
}

/* untouched says whether room is as fill left it. */
static void fill(void) { __builtin_memset(room, 0xA5, sizeof(room)); }

static int untouched(void) {
    for (u32 i = 0; i < sizeof(room); i++)
        if (room[i] != 0xA5) return 0;
    return 1;
}

static wf_verdict environment(const wf_record *r) {
    (void)r;
    fill();
    if (environ_sizes_get(&out[0], &out[1]) || out[0] || out[1])
        return wf_fail(1, "environ_sizes_get");
    if (environ_get(room, room + 128) || !untouched()) return wf_fail(1, "environ_get");
    if (args_sizes_get(&out[0], &out[1]) || out[0] || out[1]) return wf_fail(1, "args_sizes_get");
    if (args_get(room, room + 128) || !untouched()) return wf_fail(1, "args_get");
    return wf_forward();
}

static wf_verdict network(const wf_record *r) {
    (void)r;
    for (u32 fd = 0; fd < DESCRIPTORS; fd++) {
        FOUND(sock_accept(fd, 0, out), "sock_accept");
        FOUND(sock_recv(fd, &vector, 1, 0, out, out + 1), "sock_recv");
        FOUND(sock_send(fd, &vector, 1, 0, out), "sock_send");
        FOUND(sock_shutdown(fd, 3), "sock_shutdown");
    }
    return wf_forward();
}

static volatile u32 worked;

static wf_verdict time_of_day(const wf_record *r) {
    u64 batch = (u64)((const wf_frame *)wf.region)->batch_time_ns, before[4], now;
    (void)r;
    for (u32 clock = 0; clock < 4; clock++) {
        if (clock_time_get(clock, 1, &before[clock])) return wf_fail(1, "clock_time_get refuses");
        if (before[clock] != batch) return wf_fail(1, "a clock is not the batch's");
        if (clock_res_get(clock, &now) || now != 1)
            return wf_fail(1, "a clock has the host's resolution");
    }
    for (u32 i = 0; i < 100000; i++) worked += i;
    for (u32 clock = 0; clock < 4; clock++)
        if (clock_time_get(clock, 1, &now) || now != before[clock])
            return wf_fail(1, "a clock went on while the guest worked");
    for (u32 clock = 4; clock < DESCRIPTORS; clock++)
        FOUND(clock_time_get(clock, 1, &now), "a clock that should not be there");
    return wf_forward();
}

/* REFUSED fails the record if a call with an address beyond the memory was not refused as such. */
#define REFUSED(call, text) \
    if ((call) != EFAULT) return wf_fail(1, text)

static wf_verdict pointers(const wf_record *r) {
    u32 end = __builtin_wasm_memory_size(0) * WF_PAGE;
    u32 places[] = {end - 1, end, end + 8, 0x80000000u, 0xFFFFFFF8u, 0xFFFFFFFFu};
    (void)r;
    for (u32 i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        void *p = (void *)places[i];
        REFUSED(random_get(p, 16), "random_get");
        REFUSED(random_get(room, -1u - (u32)room), "random_get of all there is");
        REFUSED(clock_time_get(0, 1, p), "clock_time_get");
        REFUSED(clock_res_get(0, p), "clock_res_get");
        REFUSED(environ_sizes_get(p, out), "environ_sizes_get");
        REFUSED(args_sizes_get(out, p), "args_sizes_get");
        REFUSED(fd_fdstat_get(1, p), "fd_fdstat_get");
        REFUSED(fd_filestat_get(1, p), "fd_filestat_get");
        REFUSED(fd_write(1, p, 1, out), "fd_write");
        REFUSED(fd_write(1, &vector, 1, p), "fd_write's answer");
        struct { void *at; u32 size; } beyond = {p, 16};
        REFUSED(fd_write(1, &beyond, 1, out), "fd_write of what is not there");
    }
    return wf_forward();
}

/* A secret is the complement of what follows these words, so that the record itself is none. Both
 * words are as long. */
#define WORD 6

static wf_verdict secrets(const wf_record *r) {
    const uint8_t *text = r->value + WORD;
    u32 n = r->value_length - WORD;
    if (begins(r, "plant:")) {
        for (u32 i = 0; i < n && i < sizeof(room); i++) room[i] = (uint8_t)~text[i];
    } else if (begins(r, "seek :") && n > 0) {
        const uint8_t *end = (const uint8_t *)(__builtin_wasm_memory_size(0) * WF_PAGE - n);
        for (const uint8_t *p = 0; p < end; p++) {
            u32 i = 0;
            while (i < n && p[i] == (uint8_t)~text[i]) i++;
            if (i == n) return wf_fail(1, "a secret");
        }
    }
    return wf_forward();
}
