/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/internal.h"

/*
 * The sandbox: a script of a tree that anybody may have made runs as root and can change nothing
 * but that tree. Two forks: the first makes the namespaces and what is mounted there, the second
 * is process 1 of the new process namespace; it gives up all power, starts the script, and with
 * its end all that the script left running ends too. As in keeper.c only what is safe in a signal
 * handler is called, and posix_spawn().
 *
 * namespaces(7), capabilities(7), mount_setattr(2), landlock(7), seccomp(2), overlayfs.
 */

enum { PATH_BYTES = 4096 };

/* How far it came: said where it could not be made. In the order in which they are made. */
enum step { NAMESPACES, TREE, READ_ONLY, PRIVATE, DEVICES, PROC, POWER, CALLS, START };

static const char *const step_names[] = {[NAMESPACES] = "make namespaces",
		[TREE] = "mount the tree apart",
		[READ_ONLY] = "make all else read-only",
		[PRIVATE] = "mount a private /run and /tmp",
		[DEVICES] = "mount a private /dev",
		[PROC] = "mount a private /proc",
		[POWER] = "give up its capabilities",
		[CALLS] = "forbid system calls",
		[START] = "start it"};

struct report {
	int step;
	int number; /* errno; 0: started */
};

static const char *const devices[][2] = {{"/dev/null", "/run/dev/null"},
		{"/dev/zero", "/run/dev/zero"}, {"/dev/full", "/run/dev/full"},
		{"/dev/random", "/run/dev/random"}, {"/dev/urandom", "/run/dev/urandom"},
		{"/dev/tty", "/run/dev/tty"}};
enum { DEVICES_N = sizeof devices / sizeof *devices };

/* A mount of its own of what lies there now, without what is mounted below it; -1 with errno. */
static int take_mount(const char *path)
{
	return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static bool put_mount(int mount, const char *path)
{
	return move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

static bool restrict_mounts(int mount, const char *path, unsigned int flags, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
	return mount_setattr(mount, path, flags, &attr, sizeof attr) == 0;
}

static bool mount_tmpfs(const char *path)
{
	return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m") == 0;
}

/* What lies there stays to be read, as a program may lie there, and what is written goes into
 * /run. Without overlayfs it is empty. */
static bool mount_scratch(const char *path, const char *upper, const char *work, const char *data)
{
	if (mkdir(upper, 0755) < 0 || chmod(upper, 01777) < 0 || mkdir(work, 0700) < 0)
		return false;
	return mount("overlay", path, "overlay", MS_NOSUID | MS_NODEV, data) == 0 ||
	       (mount_tmpfs(path) && chmod(path, 01777) == 0);
}

static bool mount_devices(const int nodes[DEVICES_N])
{
	if (mkdir("/run/dev", 0755) < 0 || !mount_tmpfs("/run/dev"))
		return false;
	for (size_t i = 0; i < DEVICES_N; i++) {
		int fd = nodes[i] < 0 ? -1 : open(devices[i][1], O_CREAT | O_WRONLY, 0600);
		if (nodes[i] >= 0 && (fd < 0 || !put_mount(nodes[i], devices[i][1])))
			return false;
	}
	return symlink("/proc/self/fd", "/run/dev/fd") == 0 &&
	       symlink("fd/1", "/run/dev/stdout") == 0 && symlink("fd/2", "/run/dev/stderr") == 0 &&
	       mkdir("/run/dev/shm", 01777) == 0 &&
	       mount_scratch("/run/dev/shm", "/run/shm-upper", "/run/shm-work",
			       "lowerdir=/dev/shm,upperdir=/run/shm-upper,workdir=/run/shm-work") &&
	       mount("/run/dev", "/dev", NULL, MS_MOVE, NULL) == 0;
}

/* The tree where it was; the directories above it may lie in what is new and empty. */
static bool mount_tree(int mount, const char *tree)
{
	char above[PATH_BYTES] = "";
	size_t n = strlen(tree);
	if (n >= sizeof above) {
		errno = ENAMETOOLONG;
		return false;
	}
	/* What is missing after this is found by the mount. */
	for (size_t i = 0; i < n; i++) {
		if (i && tree[i] == '/')
			(void)mkdir(above, 0755);
		above[i] = tree[i];
	}
	(void)mkdir(above, 0755);
	return put_mount(mount, tree);
}

/* What is seen of the machine from now on. The step that failed, with errno; START: none. */
static enum step make_rooms(const char *tree)
{
	const uint64_t harmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	int nodes[DEVICES_N];
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return NAMESPACES;
	int apart = take_mount(tree);
	if (apart < 0 || !restrict_mounts(apart, "", AT_EMPTY_PATH, harmless))
		return TREE;
	for (size_t i = 0; i < DEVICES_N; i++)
		nodes[i] = take_mount(devices[i][0]);
	if (!restrict_mounts(AT_FDCWD, "/", AT_RECURSIVE, harmless | MOUNT_ATTR_RDONLY))
		return READ_ONLY;
	if (!mount_tmpfs("/run") ||
			!mount_scratch("/tmp", "/run/tmp-upper", "/run/tmp-work",
					"lowerdir=/tmp,upperdir=/run/tmp-upper,workdir=/run/tmp-work"))
		return PRIVATE;
	if (!mount_devices(nodes))
		return DEVICES;
	return mount_tree(apart, tree) && chdir("/") == 0 ? START : TREE;
}

/* A named pipe is written to on a read-only mount as well: Landlock, where the kernel has it (since
 * 5.13), lets what writes be done below these only. */
static void forbid_writing(const char *tree)
{
	const uint64_t since_2 = 1U << 13; /* LANDLOCK_ACCESS_FS_REFER */
	const uint64_t since_3 = 1U << 14; /* LANDLOCK_ACCESS_FS_TRUNCATE */
	const char *const allowed[] = {tree, "/tmp", "/run", "/dev"};
	long version = syscall(
			SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	/* All that changes a file or directory: MAKE_SYM is the last of the first version. */
	uint64_t writes = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
	writes &= ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
			      LANDLOCK_ACCESS_FS_READ_DIR);
	writes |= (version >= 2 ? since_2 : 0) | (version >= 3 ? since_3 : 0);
	struct landlock_ruleset_attr attr = {.handled_access_fs = writes};
	int rules = version < 1 ? -1
				: (int)syscall(SYS_landlock_create_ruleset, &attr,
						  sizeof attr.handled_access_fs, 0);
	for (size_t i = 0; rules >= 0 && i < sizeof allowed / sizeof *allowed; i++) {
		struct landlock_path_beneath_attr below = {.allowed_access = writes,
				.parent_fd = open(allowed[i], O_PATH | O_DIRECTORY | O_CLOEXEC)};
		(void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
	}
	if (rules >= 0)
		(void)syscall(SYS_landlock_restrict_self, rules, 0);
}

/* No capability, and none to be had again; nor does a core go to the host's handler, which a limit
 * of 1 stands for (core(5)); nor may what runs here look into this process, whose descriptors lead
 * out. */
static bool give_up_power(const char *tree)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	const struct rlimit no_core = {.rlim_cur = 1, .rlim_max = 1};
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return false;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
		return false;
	forbid_writing(tree);
	return syscall(SYS_capset, &head, none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE 0 /* not known: nothing is run */
#endif

#define LOAD(field)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value)  BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE(number) ANSWER(SECCOMP_RET_ERRNO | (number))
#define REFUSED(call)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), REFUSE(EACCES)

/* Named sockets are reached over read-only mounts and from any network namespace: there are none.
 * Nor other ways to them, or to power: io_uring, keyrings, namespaces. */
static bool forbid_calls(void)
{
	const uint32_t x32 = 0x40000000U; /* x86_64 with 32-bit pointers: other numbers */
	struct sock_filter filter[] = {
			LOAD(arch),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
			REFUSE(ENOSYS),
			LOAD(nr),
			BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, x32, 0, 1),
			REFUSE(ENOSYS),
			REFUSED(socket),
			REFUSED(io_uring_setup),
			REFUSED(add_key),
			REFUSED(request_key),
			REFUSED(keyctl),
			REFUSED(unshare),
			REFUSED(setns),
			/* Its flags cannot be seen; the C library then takes clone(). */
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
			REFUSE(ENOSYS),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
			LOAD(args[0]),
			BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
			REFUSE(EACCES),
			ANSWER(SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
	errno = ENOSYS;
	return NATIVE && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* Wait for that child. As process 1 `which` is -1: what else comes to it is buried on the way. */
static int wait_for(pid_t which, pid_t pid)
{
	for (;;) {
		int status = 0;
		pid_t ended = waitpid(which, &status, 0);
		if (ended == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (ended < 0 && errno != EINTR)
			return 127;
	}
}

/* Process 1: START with what posix_spawn() says of it, or the step that failed. */
static struct report begin(const struct launch *launch, pid_t *ret_pid)
{
	const unsigned long proc = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	if (mount("proc", "/proc", "proc", proc, NULL) < 0)
		return (struct report){PROC, errno};
	if (!give_up_power(launch->sandbox))
		return (struct report){POWER, errno};
	if (!forbid_calls())
		return (struct report){CALLS, errno};
	/* The script gets its three streams and nothing that somebody forgot to mark. */
	(void)syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
	return (struct report){
			START, launch->path ? posix_spawn(ret_pid, launch->path, &launch->actions,
							      &launch->attributes, launch->argv,
							      launch->environment)
					    : 0};
}

static int be_process_1(const struct launch *launch, int told)
{
	pid_t pid = -1;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	struct report report = begin(launch, &pid);
	ssize_t n = write(told, &report, sizeof report);
	launch_close_all(-1);
	if (report.number || n != (ssize_t)sizeof report || pid < 0)
		return 127;
	return wait_for(-1, pid);
}

/* The first fork. A session of its own: no terminal that it could put words into. */
static int enter(const struct launch *launch, int told)
{
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	mode_t mask = umask(0);
	struct report report = {.step = (int)make_rooms(launch->sandbox)};
	report.number = errno;
	(void)umask(mask);
	pid_t pid = report.step == START ? fork() : -1;
	if (pid == 0)
		_exit(be_process_1(launch, told));
	if (pid < 0) {
		if (report.step == START)
			report.number = errno;
		ssize_t n = write(told, &report, sizeof report);
		return n < 0 ? 126 : 127;
	}
	launch_close_all(-1);
	return wait_for(pid, pid);
}

static struct report hear(int report, pid_t child)
{
	struct report heard = {.step = NAMESPACES, .number = ECHILD};
	struct report whole = {0};
	ssize_t n = 0;
	while ((n = read(report, &whole, sizeof whole)) < 0 && errno == EINTR)
		;
	if (n == (ssize_t)sizeof whole)
		heard = whole;
	if (heard.number) {
		(void)kill(child, SIGKILL);
		(void)wait_for(child, child);
	}
	return heard;
}

int launch_sandboxed(const struct launch *launch, pid_t *ret_pid, const char **ret_step)
{
	int report[2];
	if (ret_step)
		*ret_step = step_names[NAMESPACES];
	if (pipe2(report, O_CLOEXEC) < 0)
		return errno;
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t child = fork();
	struct report heard = {.step = NAMESPACES, .number = errno};
	if (child == 0)
		_exit(enter(launch, report[1]));
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)close(report[1]);
	if (child > 0)
		heard = hear(report[0], child);
	(void)close(report[0]);
	if (ret_step)
		*ret_step = step_names[heard.step];
	*ret_pid = child;
	return heard.number;
}
