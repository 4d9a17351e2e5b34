#include "tls/handles.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace remora::tls {

void FreeHandle::operator()(bio_st* bio) const {
  BIO_free(bio);
}
void FreeHandle::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}
void FreeHandle::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void FreeHandle::operator()(ssl_session_st* session) const {
  SSL_SESSION_free(session);
}
void FreeHandle::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}
void FreeHandle::operator()(x509_st* certificate) const {
  X509_free(certificate);
}
void FreeHandle::operator()(x509_store_st* store) const {
  X509_STORE_free(store);
}

}  // namespace remora::tls
