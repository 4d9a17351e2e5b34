// Owners of the TLS library's objects. Its own headers are included by this folder's .cc files only.
#pragma once

#include <memory>
#include <vector>

struct bio_st;
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct x509_st;
struct x509_store_st;

namespace remora::tls {

struct FreeHandle {
  void operator()(bio_st* bio) const;
  void operator()(evp_pkey_st* key) const;  // wipes it
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_session_st* session) const;
  void operator()(ssl_st* ssl) const;
  void operator()(x509_st* certificate) const;
  void operator()(x509_store_st* store) const;
};

template <class T>
using Handle = std::unique_ptr<T, FreeHandle>;
using Certificates = std::vector<Handle<x509_st>>;

}  // namespace remora::tls
