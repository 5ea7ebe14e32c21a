/*
 * Node-API without external buffers, as Electron has it (V8's memory cage), for a Node that would allow them:
 *
 *   cc -shared -fPIC -o no-external-buffers.so no-external-buffers.c -ldl
 *   LD_PRELOAD=…/no-external-buffers.so EXTERNAL_BUFFERS_LOG=FILE node app.mjs
 *
 * A module that looks its functions up when it is loaded asks dlsym for them (napi-rs with dyn-symbols does), and a preloaded
 * library comes before the system's dlsym; it could not come before the functions themselves, which the node program exports.
 * FILE gets a line for each look-up of Node-API, so that a test can tell that this was asked, and one for each refusal.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __aarch64__
#define GLIBC "GLIBC_2.17"
#else
#define GLIBC "GLIBC_2.2.5"
#endif

#define NO_EXTERNAL_BUFFERS_ALLOWED 22

static void note(const char *what, const char *name) {
  const char *path = getenv("EXTERNAL_BUFFERS_LOG");
  int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
  if (file < 0) return;
  char line[256];
  size_t length = 0;
  const char *parts[] = {what, " ", name, "\n"};
  for (int i = 0; i < 4; i++) {
    size_t size = strlen(parts[i]);
    if (length + size > sizeof line) break;
    memcpy(line + length, parts[i], size);
    length += size;
  }
  if (write(file, line, length) < 0) abort();
  close(file);
}

static int refuse_buffer(void) {
  note("refused", "napi_create_external_buffer");
  return NO_EXTERNAL_BUFFERS_ALLOWED;
}

static int refuse_arraybuffer(void) {
  note("refused", "napi_create_external_arraybuffer");
  return NO_EXTERNAL_BUFFERS_ALLOWED;
}

void *dlsym(void *handle, const char *name) {
  static void *(*real)(void *, const char *);
  if (!real) real = dlvsym(RTLD_NEXT, "dlsym", GLIBC);
  if (strncmp(name, "napi_", 5) == 0) note("looked up", name);
  if (strcmp(name, "napi_create_external_buffer") == 0) return (void *)refuse_buffer;
  if (strcmp(name, "napi_create_external_arraybuffer") == 0) return (void *)refuse_arraybuffer;
  return real(handle, name);
}
