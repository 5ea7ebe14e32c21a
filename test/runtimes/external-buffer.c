/*
 * A module that makes an external buffer when it is loaded, and exports the status it got: what no-external-buffers.c must
 * refuse. It needs no header of Node: every argument is a pointer or a size.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static char bytes[64];

void *napi_register_module_v1(void *env, void *exports) {
  int (*create)(void *, size_t, void *, void *, void *, void **) = dlsym(RTLD_DEFAULT, "napi_create_external_buffer");
  int (*number)(void *, int, void **) = dlsym(RTLD_DEFAULT, "napi_create_int32");
  int (*set)(void *, void *, const char *, void *) = dlsym(RTLD_DEFAULT, "napi_set_named_property");
  void *buffer;
  void *status;
  number(env, create(env, sizeof bytes, bytes, NULL, NULL, &buffer), &status);
  set(env, exports, "status", status);
  return exports;
}

int node_api_module_get_api_version_v1(void) { return 8; }
