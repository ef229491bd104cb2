/*
 * Stands between a program and the C library (LD_PRELOAD): every operation that changes a file or folder below one named
 * folder, and every send on an internet socket, is numbered within its class, written to a trace with its bytes, and at
 * one chosen number fails as a disk or a network fails, or takes the process down with it. What the program does besides
 * is untouched. It trusts nobody's word on what was done: the trace is written after the call, under the same lock.
 *
 * FAULTS_FOLDER   absolute path, without a slash at its end
 * FAULTS_CONTROL  a file of at least 64 bytes that is mapped and shared with whoever steers (32-bit words, see below)
 * FAULTS_TRACE    where the trace goes; absent: none is written
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The same orders stand in fault-control.ts. */
enum class { WRITE, SYNC, RENAME, CREATE, UNLINK, TRUNCATE, SEND, CLASSES, NONE = -1 };
enum fault { KILL_BEFORE = 1, KILL_AFTER, FAIL_EIO, FAIL_ENOSPC, SHORT, RESET };

struct control {
  int32_t armed, at_class, at_number, fault, struck;
  int32_t operations;       /* of all classes, since the process began: an operation's place in the trace */
  int32_t counted[CLASSES]; /* since it was armed */
};

static struct control *control;
static const char *folder;
static size_t folder_length;
static int trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void give_up(const char *what) {
  fprintf(stderr, "syscall-faults: %s: %s\n", what, strerror(errno));
  _exit(99);
}

__attribute__((constructor)) static void begin(void) {
  const char *control_file = getenv("FAULTS_CONTROL"), *trace_file = getenv("FAULTS_TRACE");
  folder = getenv("FAULTS_FOLDER");
  if (folder == NULL || control_file == NULL) return;
  folder_length = strlen(folder);
  int fd = syscall(SYS_openat, AT_FDCWD, control_file, O_RDWR | O_CLOEXEC);
  if (fd < 0) give_up(control_file);
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) give_up(control_file);
  if (trace_file != NULL) {
    trace = syscall(SYS_openat, AT_FDCWD, trace_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (trace < 0) give_up(trace_file);
  }
  control = mapped;
}

/* SQLite's index of its write-ahead log is memory that processes share; nobody reads it after they have ended. */
static int is_memory(const char *path) {
  size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, "-shm") == 0;
}

/* The path below the folder ("" for itself), or NULL where it lies elsewhere. */
static const char *below(const char *path) {
  if (control == NULL || path == NULL || strncmp(path, folder, folder_length) != 0) return NULL;
  if (is_memory(path)) return NULL;
  if (path[folder_length] == '\0') return path + folder_length;
  return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

/* What a write to this descriptor is: on a file of the folder, on an internet socket, or nothing of ours. */
static enum class class_of(int fd, struct stat *st) {
  if (control == NULL || syscall(SYS_fstat, fd, st) != 0) return NONE;
  if (S_ISSOCK(st->st_mode)) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) return NONE;
    return address.ss_family == AF_INET || address.ss_family == AF_INET6 ? SEND : NONE;
  }
  if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)) return NONE;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return NONE;
  path[length] = '\0';
  return below(path) == NULL ? NONE : WRITE;
}

static void put(const void *bytes, size_t length) {
  if (trace < 0) return;
  for (size_t done = 0; done < length;) {
    long written = syscall(SYS_write, trace, (const char *)bytes + done, length - done);
    if (written < 0) give_up("the trace");
    done += written;
  }
}

static void note(const char *format, ...) {
  char line[9000];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  put(line, length);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Numbers an operation; gives the fault that it meets, 0 for none. The lock is held until finish(). */
static enum fault start(enum class class) {
  pthread_mutex_lock(&lock);
  if (!control->armed) return 0;
  int number = ++control->counted[class];
  if (control->struck || control->at_class != (int)class || control->at_number != number) return 0;
  control->struck = 1;
  if (control->fault == KILL_BEFORE) die();
  return control->fault;
}

/* The operation is done (or has failed by a fault of ours): its place in the trace is taken. */
static void finish(enum fault fault) {
  control->operations++;
  if (fault == KILL_AFTER) die();
  int kept = errno;
  pthread_mutex_unlock(&lock);
  errno = kept;
}

/* Whether the call is to fail, with errno set. */
static int fails(enum fault fault) {
  switch (fault) {
    case FAIL_EIO: errno = EIO; return 1;
    case FAIL_ENOSPC: errno = ENOSPC; return 1;
    case RESET: errno = ECONNRESET; return 1;
    default: return 0;
  }
}

/* Writes the pieces at an offset, at the file's position (-1), or to a socket. */
static ssize_t change(int fd, const struct iovec *pieces, int count, off_t offset, enum class class,
                      const struct stat *st, int flags) {
  enum fault fault = start(class);
  size_t wanted = 0;
  for (int at = 0; at < count; at++) wanted += pieces[at].iov_len;
  if (fails(fault)) {
    note("failed\n");
    finish(fault);
    return -1;
  }
  char *bytes = malloc(wanted + 1);
  if (bytes == NULL) give_up("memory");
  size_t have = 0;
  for (int at = 0; at < count; at++) {
    memcpy(bytes + have, pieces[at].iov_base, pieces[at].iov_len);
    have += pieces[at].iov_len;
  }
  if (fault == SHORT && have > 1) have /= 2;
  off_t place = offset;
  if (class == WRITE && offset < 0) {
    place = lseek(fd, 0, SEEK_CUR);
    if (fcntl(fd, F_GETFL) & O_APPEND) place = st->st_size;
  }
  ssize_t done;
  if (class == SEND) done = syscall(SYS_sendto, fd, bytes, have, flags, NULL, 0);
  else if (offset < 0) done = syscall(SYS_write, fd, bytes, have);
  else done = syscall(SYS_pwrite64, fd, bytes, have, offset);
  int kept = errno;
  if (class == SEND && done >= 0) note("send %zd\n", done);
  else if (done >= 0) {
    note("write %lu %lld %zd\n", (unsigned long)st->st_ino, (long long)place, done);
    put(bytes, done);
    put("\n", 1);
  } else note("failed\n");
  free(bytes);
  errno = kept;
  finish(fault);
  return done;
}

#define IS_OURS(fd) struct stat st; enum class class = class_of(fd, &st)

ssize_t write(int fd, const void *bytes, size_t length) {
  IS_OURS(fd);
  if (class == NONE) return syscall(SYS_write, fd, bytes, length);
  struct iovec piece = {(void *)bytes, length};
  return change(fd, &piece, 1, -1, class, &st, 0);
}
ssize_t writev(int fd, const struct iovec *pieces, int count) {
  IS_OURS(fd);
  if (class == NONE) return syscall(SYS_writev, fd, pieces, count);
  return change(fd, pieces, count, -1, class, &st, 0);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  IS_OURS(fd);
  if (class == NONE) return syscall(SYS_pwrite64, fd, bytes, length, offset);
  struct iovec piece = {(void *)bytes, length};
  return change(fd, &piece, 1, offset, class, &st, 0);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t offset) {
  IS_OURS(fd);
  if (class == NONE) return REAL(pwritev64)(fd, pieces, count, offset);
  return change(fd, pieces, count, offset, class, &st, 0);
}
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) {
  return pwritev64(fd, pieces, count, offset);
}
ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  IS_OURS(fd);
  if (class == NONE) return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
  struct iovec piece = {(void *)bytes, length};
  return change(fd, &piece, 1, -1, class, &st, flags);
}
/* Datagrams, and messages with descriptors, are not what stations and authorities speak: those pass uncounted. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  IS_OURS(fd);
  if (class == NONE || message->msg_controllen > 0 || message->msg_name != NULL)
    return syscall(SYS_sendmsg, fd, message, flags);
  return change(fd, message->msg_iov, message->msg_iovlen, -1, class, &st, flags);
}

/* A failed fsync loses what it was to keep: the kernel has marked those pages clean (see trace.ts). */
static int synchronise(int fd, int call) {
  IS_OURS(fd);
  if (class != WRITE) return syscall(call, fd);
  enum fault fault = start(SYNC);
  int failed = fails(fault);
  if (!failed && syscall(call, fd) != 0) failed = 1;
  int kept = errno;
  note(failed ? "lost %lu\n" : "sync %lu\n", (unsigned long)st.st_ino);
  errno = kept;
  finish(fault);
  return failed ? -1 : 0;
}
int fsync(int fd) { return synchronise(fd, SYS_fsync); }
int fdatasync(int fd) { return synchronise(fd, SYS_fdatasync); }

int ftruncate64(int fd, off64_t length) {
  IS_OURS(fd);
  if (class != WRITE) return syscall(SYS_ftruncate, fd, length);
  enum fault fault = start(TRUNCATE);
  int failed = fails(fault) || syscall(SYS_ftruncate, fd, length) != 0;
  if (!failed) note("truncate %lu %lld\n", (unsigned long)st.st_ino, (long long)length);
  else note("failed\n");
  finish(fault);
  return failed ? -1 : 0;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int open_file(int directory, const char *path, int flags, mode_t mode) {
  const char *ours = flags & O_CREAT ? below(path) : NULL;
  if (ours == NULL || (flags & O_TMPFILE) == O_TMPFILE) return syscall(SYS_openat, directory, path, flags, mode);
  int is_there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
  if (is_there && !(flags & O_TRUNC)) return syscall(SYS_openat, directory, path, flags, mode);
  enum fault fault = start(is_there ? TRUNCATE : CREATE);
  int fd = fails(fault) ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
  int kept = errno;
  struct stat st;
  if (fd < 0 || syscall(SYS_fstat, fd, &st) != 0) note("failed\n");
  else if (is_there) note("truncate %lu 0\n", (unsigned long)st.st_ino);
  else note("create %lu %s\n", (unsigned long)st.st_ino, ours);
  errno = kept;
  finish(fault);
  return fd;
}
#define MODE_OF(flags)                      \
  mode_t mode = 0;                          \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {  \
    va_list arguments;                      \
    va_start(arguments, flags);             \
    mode = va_arg(arguments, int);          \
    va_end(arguments);                      \
  }
int open(const char *path, int flags, ...) { MODE_OF(flags) return open_file(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_file(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_OF(flags) return open_file(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags) return open_file(at, path, flags | O_LARGEFILE, mode); }

int mkdir(const char *path, mode_t mode) {
  const char *ours = below(path);
  if (ours == NULL || syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  enum fault fault = start(CREATE);
  int failed = fails(fault) || syscall(SYS_mkdirat, AT_FDCWD, path, mode) != 0;
  int kept = errno;
  struct stat st;
  if (!failed && syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0) note("mkdir %lu %s\n", (unsigned long)st.st_ino, ours);
  else note("failed\n");
  errno = kept;
  finish(fault);
  return failed ? -1 : 0;
}

int rename(const char *from, const char *to) {
  const char *ours = below(from), *target = below(to);
  if (ours == NULL || target == NULL) return syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  enum fault fault = start(RENAME);
  int failed = fails(fault) || syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to) != 0;
  if (!failed) note("rename %s\t%s\n", ours, target);
  else note("failed\n");
  finish(fault);
  return failed ? -1 : 0;
}

static int take_away(const char *path, int flags) {
  const char *ours = below(path);
  if (ours == NULL || syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0) return syscall(SYS_unlinkat, AT_FDCWD, path, flags);
  enum fault fault = start(UNLINK);
  int failed = fails(fault) || syscall(SYS_unlinkat, AT_FDCWD, path, flags) != 0;
  if (!failed) note("unlink %s\n", ours);
  else note("failed\n");
  finish(fault);
  return failed ? -1 : 0;
}
int unlink(const char *path) { return take_away(path, 0); }
int rmdir(const char *path) { return take_away(path, AT_REMOVEDIR); }
int remove(const char *path) {
  int failed = unlink(path);
  return failed != 0 && (errno == EISDIR || errno == EPERM) ? rmdir(path) : failed;
}
