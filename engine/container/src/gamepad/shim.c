/*
 * Preloaded into an app: makes the gamepads' sockets in /dev/input look like the kernel's devices.
 *
 * A device's file is the engine's listening socket, which the kernel refuses to open (ENXIO): what the kernel opens goes its ordinary way,
 * at no cost. What is opened here is a connection. Its data are the device's own events, so read, write, poll, select and fcntl are the
 * kernel's. An ioctl goes over a connection of its own, which names the device's by its cookie: no table is kept here, and so dup, fork,
 * exec and passing descriptors on hold as with a device. What is answered is decided in server.rs.
 *
 * C, and not Rust: these functions have variable arguments, which Rust cannot define.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/input.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER "/dev/input/"
/* In the name that the engine binds a device to, before `event0` or `js0`. */
#define MARK "firstlight-pad-"
/* Of linux/input.h and linux/joydev: the major number, and the first event device's minor one. */
#define INPUT_MAJOR 13
#define EVENT_MINOR 64

/* As in server.rs. */
enum { OPEN = 1, IOCTL = 2 };
struct ask {
	uint64_t cookie;
	uint32_t kind;
	uint32_t request;
	uint64_t value;
	unsigned char in[48];
};
struct answer {
	int32_t result;
	uint32_t length;
};
#define OUT_MAX 1024
/* The engine answers within a millisecond; a stuck one must not hang the app for good. */
#define PATIENCE_S 2

/* The next function of this name after ours. */
#define NEXT(name) next((void **)&name##_next, #name)
static void *next(void **known, const char *name)
{
	/* Two threads that look at once find the same. */
	if (!__atomic_load_n(known, __ATOMIC_RELAXED))
		__atomic_store_n(known, dlsym(RTLD_NEXT, name), __ATOMIC_RELAXED);
	return *known;
}

/* event0 -> 13:64, js0 -> 13:0; 0 where it is no device's name. */
static dev_t number_of(const char *name)
{
	const char *digits;
	unsigned first;
	if (!strncmp(name, "event", 5))
		digits = name + 5, first = EVENT_MINOR;
	else if (!strncmp(name, "js", 2))
		digits = name + 2, first = 0;
	else
		return 0;
	if (*digits < '0' || *digits > '9' || digits[1])
		return 0;
	return makedev(INPUT_MAJOR, first + (unsigned)(*digits - '0'));
}

/* Where the device lies that `path` names, or nothing where it names none. */
static int device_at(int folder, const char *path, char out[static sizeof FOLDER + 8])
{
	const char *name = path;
	if (!path)
		return 0;
	if (!strncmp(path, FOLDER, sizeof FOLDER - 1)) {
		name = path + sizeof FOLDER - 1;
	} else if (*path != '/' && folder != AT_FDCWD) {
		char link[64], at[sizeof FOLDER];
		snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
		ssize_t length = readlink(link, at, sizeof at);
		if (length != sizeof FOLDER - 2 || strncmp(at, FOLDER, (size_t)length))
			return 0;
	} else {
		return 0;
	}
	if (!number_of(name))
		return 0;
	snprintf(out, sizeof FOLDER + 8, FOLDER "%s", name);
	return 1;
}

/* Which device a descriptor is a connection to, as `number_of` has it. `address` is where it was bound. */
static dev_t device_of(int fd, struct sockaddr_un *address)
{
	socklen_t length = sizeof *address - 1;
	memset(address, 0, sizeof *address);
	int error = errno;
	int found = getpeername(fd, (struct sockaddr *)address, &length);
	errno = error;
	if (found || address->sun_family != AF_UNIX)
		return 0;
	const char *mark = strstr(address->sun_path, MARK);
	return mark ? number_of(mark + sizeof MARK - 1) : 0;
}

static int send_all(int fd, const void *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		bytes = (const char *)bytes + sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int receive_all(int fd, void *bytes, size_t length)
{
	while (length > 0) {
		ssize_t got = recv(fd, bytes, length, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		bytes = (char *)bytes + got;
		length -= (size_t)got;
	}
	return 0;
}

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (!connect(fd, (struct sockaddr *)&address, sizeof address))
		return fd;
	/* Unplugged a moment ago. */
	close(fd);
	errno = ENODEV;
	return -1;
}

static int cookie_of(int fd, uint64_t *cookie)
{
	socklen_t length = sizeof *cookie;
	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &length);
}

/* The kernel has refused to open `path`: opens it if it is one of ours. */
static int open_device(int folder, const char *path, int flags)
{
	char at[sizeof FOLDER + 8];
	struct ask ask = {.kind = OPEN, .value = (uint64_t)(unsigned)flags};
	if (errno != ENXIO)
		return -1;
	if (!device_at(folder, path, at)) {
		errno = ENXIO;
		return -1;
	}
	int fd = dial(at);
	if (fd < 0)
		return -1;
	if (cookie_of(fd, &ask.cookie) || send_all(fd, &ask, sizeof ask)) {
		close(fd);
		errno = ENODEV;
		return -1;
	}
	if (flags & O_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!(flags & O_CLOEXEC))
		fcntl(fd, F_SETFD, 0);
	return fd;
}

/* Requests whose argument is a number in place of an address. */
static int takes_number(unsigned long request)
{
	return request == EVIOCRMFF || request == EVIOCGRAB || request == EVIOCREVOKE;
}

static int ask_device(int fd, dev_t device, unsigned long request, void *argument)
{
	char path[sizeof FOLDER + 8];
	unsigned number = minor(device);
	struct ask ask = {.kind = IOCTL, .request = (uint32_t)request};
	struct answer answer;
	unsigned char out[OUT_MAX];
	size_t size = _IOC_SIZE(request);

	if (takes_number(request))
		ask.value = (uint64_t)(uintptr_t)argument;
	else if ((_IOC_DIR(request) & _IOC_WRITE) && argument)
		memcpy(ask.in, argument, size < sizeof ask.in ? size : sizeof ask.in);
	if (number >= EVENT_MINOR)
		snprintf(path, sizeof path, FOLDER "event%u", (number - EVENT_MINOR) % 10);
	else
		snprintf(path, sizeof path, FOLDER "js%u", number % 10);

	if (cookie_of(fd, &ask.cookie))
		return -1;
	int line = dial(path);
	if (line < 0)
		return -1;
	struct timeval patience = {.tv_sec = PATIENCE_S};
	setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	int failed = send_all(line, &ask, sizeof ask) || receive_all(line, &answer, sizeof answer) ||
		     answer.length > sizeof out || receive_all(line, out, answer.length);
	close(line);
	if (failed) {
		errno = ENODEV;
		return -1;
	}
	if (answer.result < 0) {
		errno = -answer.result;
		return -1;
	}
	if (argument && !takes_number(request))
		memcpy(argument, out, answer.length < size ? answer.length : size);
	return answer.result;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*ioctl_next)(int, unsigned long, ...);
	struct sockaddr_un address;
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	unsigned type = _IOC_TYPE(request);
	dev_t device = type == 'E' || type == 'j' ? device_of(fd, &address) : 0;
	if (device)
		return ask_device(fd, device, request, argument);
	NEXT(ioctl);
	return ioctl_next ? ioctl_next(fd, request, argument) : (errno = ENOSYS, -1);
}

/* A device that is unplugged reads as ENODEV, not as the end of a file. */
static ssize_t read_end(int fd, size_t count, ssize_t got)
{
	struct sockaddr_un address;
	if (got != 0 || count == 0 || !device_of(fd, &address))
		return got;
	errno = ENODEV;
	return -1;
}

ssize_t read(int fd, void *buffer, size_t count)
{
	static ssize_t (*read_next)(int, void *, size_t);
	NEXT(read);
	return read_next ? read_end(fd, count, read_next(fd, buffer, count)) : (errno = ENOSYS, -1);
}

ssize_t __read_chk(int fd, void *buffer, size_t count, size_t room)
{
	static ssize_t (*__read_chk_next)(int, void *, size_t, size_t);
	NEXT(__read_chk);
	return __read_chk_next ? read_end(fd, count, __read_chk_next(fd, buffer, count, room)) : (errno = ENOSYS, -1);
}

/* `mode` is there only where the flags ask for it. */
#define MODE(flags, mode)                                      \
	mode_t mode = 0;                                       \
	if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
		va_list rest;                                  \
		va_start(rest, flags);                         \
		mode = va_arg(rest, mode_t);                   \
		va_end(rest);                                  \
	}

#define OPEN_FUNCTION(name)                                                                    \
	int name(const char *path, int flags, ...)                                             \
	{                                                                                      \
		static int (*name##_next)(const char *, int, ...);                             \
		MODE(flags, mode)                                                              \
		NEXT(name);                                                                    \
		int fd = name##_next ? name##_next(path, flags, mode) : (errno = ENOSYS, -1);  \
		return fd >= 0 ? fd : open_device(AT_FDCWD, path, flags);                      \
	}
#define OPENAT_FUNCTION(name)                                                                         \
	int name(int folder, const char *path, int flags, ...)                                        \
	{                                                                                             \
		static int (*name##_next)(int, const char *, int, ...);                               \
		MODE(flags, mode)                                                                     \
		NEXT(name);                                                                           \
		int fd = name##_next ? name##_next(folder, path, flags, mode) : (errno = ENOSYS, -1); \
		return fd >= 0 ? fd : open_device(folder, path, flags);                               \
	}
/* What a compiler with FORTIFY_SOURCE makes of calls without a mode. */
#define OPEN_2_FUNCTION(name)                                                                 \
	int name(const char *path, int flags)                                                 \
	{                                                                                     \
		static int (*name##_next)(const char *, int);                                 \
		NEXT(name);                                                                   \
		int fd = name##_next ? name##_next(path, flags) : (errno = ENOSYS, -1);       \
		return fd >= 0 ? fd : open_device(AT_FDCWD, path, flags);                     \
	}
#define OPENAT_2_FUNCTION(name)                                                                 \
	int name(int folder, const char *path, int flags)                                       \
	{                                                                                       \
		static int (*name##_next)(int, const char *, int);                              \
		NEXT(name);                                                                     \
		int fd = name##_next ? name##_next(folder, path, flags) : (errno = ENOSYS, -1); \
		return fd >= 0 ? fd : open_device(folder, path, flags);                         \
	}
OPEN_FUNCTION(open)
OPEN_FUNCTION(open64)
OPENAT_FUNCTION(openat)
OPENAT_FUNCTION(openat64)
OPEN_2_FUNCTION(__open_2)
OPEN_2_FUNCTION(__open64_2)
OPENAT_2_FUNCTION(__openat_2)
OPENAT_2_FUNCTION(__openat64_2)

/* A device's file looks like one: its kind, and a number that tells it from the others. */
static dev_t number_at(int folder, const char *path, mode_t mode)
{
	char at[sizeof FOLDER + 8];
	return S_ISSOCK(mode) && device_at(folder, path, at) ? number_of(at + sizeof FOLDER - 1) : 0;
}

static dev_t number_of_open(int fd, mode_t mode)
{
	struct sockaddr_un address;
	return S_ISSOCK(mode) ? device_of(fd, &address) : 0;
}

#define DRESS(out, found)                                      \
	do {                                                   \
		dev_t number = (found);                        \
		if (number) {                                  \
			(out)->st_mode = S_IFCHR | 0660;       \
			(out)->st_rdev = number;               \
		}                                              \
	} while (0)
#define PATH_STAT(name, type)                                                     \
	int name(const char *path, struct type *out)                              \
	{                                                                         \
		static int (*name##_next)(const char *, struct type *);           \
		NEXT(name);                                                       \
		int result = name##_next ? name##_next(path, out) : (errno = ENOSYS, -1); \
		if (!result)                                                      \
			DRESS(out, number_at(AT_FDCWD, path, out->st_mode));      \
		return result;                                                    \
	}
#define FD_STAT(name, type)                                                       \
	int name(int fd, struct type *out)                                        \
	{                                                                         \
		static int (*name##_next)(int, struct type *);                    \
		NEXT(name);                                                       \
		int result = name##_next ? name##_next(fd, out) : (errno = ENOSYS, -1); \
		if (!result)                                                      \
			DRESS(out, number_of_open(fd, out->st_mode));             \
		return result;                                                    \
	}
#define AT_STAT(name, type)                                                       \
	int name(int folder, const char *path, struct type *out, int flags)       \
	{                                                                         \
		static int (*name##_next)(int, const char *, struct type *, int); \
		NEXT(name);                                                       \
		int result = name##_next ? name##_next(folder, path, out, flags) : (errno = ENOSYS, -1); \
		if (!result && *path)                                             \
			DRESS(out, number_at(folder, path, out->st_mode));        \
		else if (!result)                                                 \
			DRESS(out, number_of_open(folder, out->st_mode));         \
		return result;                                                    \
	}
/* As programs built against a glibc before 2.33 call them. */
#define PATH_XSTAT(name, type)                                                    \
	int name(int version, const char *path, struct type *out)                 \
	{                                                                         \
		static int (*name##_next)(int, const char *, struct type *);      \
		NEXT(name);                                                       \
		int result = name##_next ? name##_next(version, path, out) : (errno = ENOSYS, -1); \
		if (!result)                                                      \
			DRESS(out, number_at(AT_FDCWD, path, out->st_mode));      \
		return result;                                                    \
	}
#define FD_XSTAT(name, type)                                                      \
	int name(int version, int fd, struct type *out)                           \
	{                                                                         \
		static int (*name##_next)(int, int, struct type *);               \
		NEXT(name);                                                       \
		int result = name##_next ? name##_next(version, fd, out) : (errno = ENOSYS, -1); \
		if (!result)                                                      \
			DRESS(out, number_of_open(fd, out->st_mode));             \
		return result;                                                    \
	}
PATH_STAT(stat, stat)
PATH_STAT(stat64, stat64)
PATH_STAT(lstat, stat)
PATH_STAT(lstat64, stat64)
FD_STAT(fstat, stat)
FD_STAT(fstat64, stat64)
AT_STAT(fstatat, stat)
AT_STAT(fstatat64, stat64)
PATH_XSTAT(__xstat, stat)
PATH_XSTAT(__xstat64, stat64)
PATH_XSTAT(__lxstat, stat)
PATH_XSTAT(__lxstat64, stat64)
FD_XSTAT(__fxstat, stat)
FD_XSTAT(__fxstat64, stat64)

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict out)
{
	static int (*statx_next)(int, const char *, int, unsigned, struct statx *);
	NEXT(statx);
	int result = statx_next ? statx_next(folder, path, flags, mask, out) : (errno = ENOSYS, -1);
	if (result)
		return result;
	dev_t number = *path ? number_at(folder, path, out->stx_mode) : number_of_open(folder, out->stx_mode);
	if (number) {
		out->stx_mode = S_IFCHR | 0660;
		out->stx_rdev_major = major(number);
		out->stx_rdev_minor = minor(number);
	}
	return 0;
}
