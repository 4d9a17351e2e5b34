#include "tls/pem_files.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace remora::tls {
namespace {

std::unexpected<std::string> problem(const std::string& path, const std::string& what) {
  return std::unexpected(path + ": " + what);
}

// The library's own words for what was wrong with the text, and forgets them.
std::string libraryWords() {
  const char* const words = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return words ? words : "malformed";
}

bool isEndOfPem() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

int noPassword(char*, int, int, void*) {
  return 0;  // never ask a terminal
}

struct FreeCrl {
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
};

}  // namespace

std::expected<std::string, std::string> readFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return problem(path, std::string("can't be opened: ") + std::strerror(errno));
  std::string text;
  char chunk[16 << 10];
  ssize_t n = 0;
  while (text.size() <= kFileMost && (n = read(fd, chunk, sizeof chunk)) > 0)
    text.append(chunk, static_cast<size_t>(n));
  const int error = n < 0 ? errno : 0;
  close(fd);
  OPENSSL_cleanse(chunk, sizeof chunk);
  if (error) return problem(path, std::string("can't be read: ") + std::strerror(error));
  if (text.size() > kFileMost) return problem(path, "larger than 4 MiB; is it the right file?");
  return text;
}

std::expected<Certificates, std::string> readCertificates(const std::string& path) {
  const auto text = readFile(path);
  if (!text) return std::unexpected(text.error());
  ERR_clear_error();
  const Handle<bio_st> bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  Certificates certificates;
  while (X509* const certificate = PEM_read_bio_X509(bio.get(), nullptr, noPassword, nullptr)) {
    certificates.emplace_back(certificate);
  }
  if (!isEndOfPem()) {
    const std::string number = std::to_string(certificates.size() + 1);
    return problem(path, "certificate " + number + " can't be read: " + libraryWords());
  }
  ERR_clear_error();
  if (certificates.empty()) return problem(path, "holds no certificate; expected PEM with BEGIN CERTIFICATE");
  return certificates;
}

std::expected<Handle<evp_pkey_st>, std::string> readKey(const std::string& path) {
  auto text = readFile(path);
  if (!text) return std::unexpected(text.error());
  ERR_clear_error();
  Handle<evp_pkey_st> key;
  {
    const Handle<bio_st> bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
    key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassword, nullptr));
  }
  const bool is_encrypted = text->find("ENCRYPTED") != std::string::npos;
  const bool has_key = text->find("PRIVATE KEY-----") != std::string::npos;
  OPENSSL_cleanse(text->data(), text->size());
  if (key) return key;
  const std::string words = libraryWords();
  if (!has_key) return problem(path, "holds no private key; expected PEM with BEGIN PRIVATE KEY");
  if (is_encrypted) return problem(path, "the key is encrypted, and nobody can be asked for its password; decrypt it");
  return problem(path, "the private key can't be read: " + words);
}

std::expected<void, std::string> addRevoked(x509_store_st& store, const std::string& path) {
  const auto text = readFile(path);
  if (!text) return std::unexpected(text.error());
  ERR_clear_error();
  const Handle<bio_st> bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  int lists = 0;
  while (const auto list =
             std::unique_ptr<X509_CRL, FreeCrl>(PEM_read_bio_X509_CRL(bio.get(), nullptr, noPassword, nullptr))) {
    X509_STORE_add_crl(&store, list.get());
    ++lists;
  }
  if (!isEndOfPem()) return problem(path, "revocation list " + std::to_string(lists + 1) + ": " + libraryWords());
  ERR_clear_error();
  if (lists == 0) return problem(path, "holds no revocation list; expected PEM with BEGIN X509 CRL");
  X509_STORE_set_flags(&store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

}  // namespace remora::tls
