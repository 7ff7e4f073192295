/* Run a command whose fsyncs, and those of all it starts, each cost some milliseconds more; count them by process.
 *
 *     slow_disk MILLISECONDS COUNTS COMMAND…
 *
 * The kernel asks us about every fsync, fdatasync and msync (seccomp user notification), so it holds for programs that are linked
 * statically too; a preloaded library would pass those by. COUNTS is a file of pairs (process, count), native uint32. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "not tried on this machine"
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { PROCESSES_MAX = 4096, WAITING_MAX = 65536 };
struct count { uint32_t process, fsyncs; };
struct waiting { uint64_t id; struct timespec until; };

static struct waiting queue[WAITING_MAX]; /* every fsync waits equally long, so the first to come is the first to go */
static unsigned head, tail;

static void fail(const char *what) {
    fprintf(stderr, "slow_disk: %s: %s\n", what, strerror(errno));
    _exit(125);
}

static int watched(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fsync, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fdatasync, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_msync, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("prctl");
    /* Go interrupts its own threads all the time: an fsync we have heard of must not be asked about twice. */
    int asked = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
    if (asked < 0) asked = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    if (asked < 0) fail("seccomp");
    return asked;
}

static void hand_over(int to, int descriptor) {
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    if (sendmsg(to, &message, 0) != 1) fail("sendmsg");
}

static int take_over(int from) {
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int descriptor;
    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1) fail("recvmsg");
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
    return descriptor;
}

static uint32_t process_of(uint32_t thread) {
    static struct count known[1 << 16]; /* thread -> process; a number used again within one run is not worth a thought */
    struct count *slot = &known[thread & 0xffff];
    if (slot->process != thread) {
        char path[64], line[128];
        slot->process = slot->fsyncs = thread;
        snprintf(path, sizeof path, "/proc/%u/status", thread);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file)) sscanf(line, "Tgid: %u", &slot->fsyncs);
        if (file) fclose(file);
    }
    return slot->fsyncs;
}

static void count_one(struct count *counts, uint32_t process) {
    for (int i = 0; i < PROCESSES_MAX; i++) {
        if (counts[i].process && counts[i].process != process) continue;
        counts[i].process = process;
        counts[i].fsyncs++;
        return;
    }
}

static long nanoseconds_left(struct timespec until) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (until.tv_sec - now.tv_sec) * 1000000000L + (until.tv_nsec - now.tv_nsec);
}

static void hear(int listener, long wait_nanoseconds, struct count *counts) {
    struct seccomp_notif asked;
    memset(&asked, 0, sizeof asked);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked)) return; /* it has died meanwhile */
    struct waiting *place = &queue[tail++ % WAITING_MAX];
    clock_gettime(CLOCK_MONOTONIC, &place->until);
    place->until.tv_nsec += wait_nanoseconds % 1000000000L;
    place->until.tv_sec += wait_nanoseconds / 1000000000L + place->until.tv_nsec / 1000000000L;
    place->until.tv_nsec %= 1000000000L;
    place->id = asked.id;
    count_one(counts, process_of(asked.pid));
}

static void let_go(int listener) {
    while (head != tail && nanoseconds_left(queue[head % WAITING_MAX].until) <= 0) {
        struct seccomp_notif_resp answer = {.id = queue[head++ % WAITING_MAX].id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer); /* the real fsync follows */
    }
}

static pid_t command;

static void tell(int number) { /* it leaves things in order, and we end with it */
    kill(command, number);
}

int main(int argc, char **argv) {
    int pair[2], status = 0;
    if (argc < 4) return fprintf(stderr, "slow_disk MILLISECONDS COUNTS COMMAND…\n"), 125;
    long wait_nanoseconds = (long)(atof(argv[1]) * 1e6);
    int file = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, PROCESSES_MAX * sizeof(struct count))) fail(argv[2]);
    struct count *counts = mmap(0, PROCESSES_MAX * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counts == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) fail("beginning");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        hand_over(pair[0], watched());
        execvp(argv[3], argv + 3);
        fail(argv[3]);
    }
    close(pair[0]);
    command = child;
    signal(SIGINT, SIG_IGN); /* it goes to the command as well, which decides */
    signal(SIGTERM, tell);
    int listener = take_over(pair[1]);
    for (;;) {
        struct pollfd poll_for = {listener, POLLIN, 0};
        long left = head == tail ? 50000000L : nanoseconds_left(queue[head % WAITING_MAX].until);
        struct timespec wait = {0, left < 0 ? 0 : left};
        if (ppoll(&poll_for, 1, &wait, NULL) > 0 && poll_for.revents & POLLIN) hear(listener, wait_nanoseconds, counts);
        let_go(listener);
        if (head == tail && waitpid(child, &status, WNOHANG) == child) break;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
