/*
 * A PKCS#11 library that stands before a real one and fails on order, for tests. The order is one line of a file:
 *
 *   FUNCTION PASS ACTION [VALUE] [once]
 *
 * After PASS calls of FUNCTION in a process its next one does ACTION: `flip` a bit of what is signed, `return` the code VALUE
 * instead of calling, `hang`, `exit` at once, or set the token's `flags` VALUE. With `once` the first process that comes to it
 * takes the order away. The name of each call goes into another file.
 *
 * Compiled with -DREAL="…" -DORDER="…" -DCALLS="…".
 */
#define CK_PTR *
#define CK_DECLARE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <pkcs11/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST ours;

static char action[32];
static unsigned long value;

static void note(const char *name) {
  int file = open(CALLS, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0) return;
  dprintf(file, "%s\n", name);
  close(file);
}

/* Whether the order is for this call of `name`; then `action` and `value` are set. */
static int is_due(const char *name) {
  static struct timespec seen;
  static unsigned passed;
  char function[64], once[16] = "", amount[32] = "";
  unsigned pass = 0;
  struct stat stat;
  note(name);
  FILE *file = fopen(ORDER, "r");
  if (file == NULL) return 0;
  int fields = fscanf(file, "%63s %u %31s %31s %15s", function, &pass, action, amount, once);
  int known = fstat(fileno(file), &stat) == 0;
  fclose(file);
  if (!known || fields < 3 || strcmp(function, name) != 0) return 0;
  if (stat.st_mtim.tv_sec != seen.tv_sec || stat.st_mtim.tv_nsec != seen.tv_nsec) {
    seen = stat.st_mtim;
    passed = 0;
  }
  if (passed++ < pass) return 0;
  value = strtoul(amount, NULL, 0);
  if (strcmp(once, "once") == 0 || strcmp(amount, "once") == 0) return unlink(ORDER) == 0;
  return 1;
}

/* What every function can be told to do; 1 where it returns `*result` without calling. */
static int is_struck(const char *name, CK_RV *result) {
  if (!is_due(name)) {
    action[0] = 0;
    return 0;
  }
  if (strcmp(action, "exit") == 0) _exit(9);
  while (strcmp(action, "hang") == 0) pause();
  *result = value;
  return strcmp(action, "return") == 0;
}

static CK_RV f_sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR out, CK_ULONG_PTR length) {
  CK_RV result;
  if (is_struck("C_Sign", &result)) return result;
  int flips = strcmp(action, "flip") == 0;
  result = real->C_Sign(session, data, size, out, length);
  if (flips && result == CKR_OK && out != NULL_PTR) out[*length - 1] ^= 1;
  return result;
}

static CK_RV f_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  CK_RV result;
  if (is_struck("C_GetTokenInfo", &result)) return result;
  int sets = strcmp(action, "flags") == 0;
  result = real->C_GetTokenInfo(slot, info);
  if (sets && result == CKR_OK) info->flags |= value;
  return result;
}

static CK_RV f_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  CK_RV result;
  return is_struck("C_Login", &result) ? result : real->C_Login(session, user, pin, length);
}

static CK_RV f_finalize(CK_VOID_PTR reserved) {
  CK_RV result;
  return is_struck("C_Finalize", &result) ? result : real->C_Finalize(reserved);
}

static CK_RV f_open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR context, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session) {
  CK_RV result;
  return is_struck("C_OpenSession", &result) ? result : real->C_OpenSession(slot, flags, context, notify, session);
}

static CK_RV f_find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR found, CK_ULONG most, CK_ULONG_PTR count) {
  CK_RV result;
  return is_struck("C_FindObjects", &result) ? result : real->C_FindObjects(session, found, most, count);
}

static CK_RV f_generate(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR public_half, CK_ULONG public_count,
                        CK_ATTRIBUTE_PTR private_half, CK_ULONG private_count, CK_OBJECT_HANDLE_PTR public_key,
                        CK_OBJECT_HANDLE_PTR private_key) {
  CK_RV result;
  if (is_struck("C_GenerateKeyPair", &result)) return result;
  return real->C_GenerateKeyPair(session, mechanism, public_half, public_count, private_half, private_count, public_key, private_key);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  if (real == NULL_PTR) {
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return CKR_GENERAL_ERROR;
    CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    ours = *real;
    ours.C_GetFunctionList = C_GetFunctionList;
    ours.C_Finalize = f_finalize;
    ours.C_Sign = f_sign;
    ours.C_GetTokenInfo = f_token_info;
    ours.C_Login = f_login;
    ours.C_OpenSession = f_open_session;
    ours.C_FindObjects = f_find;
    ours.C_GenerateKeyPair = f_generate;
  }
  *list = &ours;
  return CKR_OK;
}
