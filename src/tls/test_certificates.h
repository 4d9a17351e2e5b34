// Certificates for tests, made while they run: authorities, what they issue, and lists of what they revoked, as PEM
// files in a folder that goes with the object. Times are relative to the virtual clock's epoch. For tests only.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "loop/clock.h"
#include "model/tls.h"
#include "tls/handles.h"

namespace remora::tls {

class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "remora_tls_XXXXXX").string();
    check(mkdtemp(pattern.data()) != nullptr, "a test can make a folder");
    path_ = pattern;
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

 private:
  std::string path_;
};

struct Issued {
  std::string name;
  std::vector<std::string> sans;  // "DNS:a.example", "URI:spiffe://example.org/web", "IP:10.0.0.7"
  std::string usage = "serverAuth,clientAuth";
  std::chrono::seconds from = std::chrono::hours(-1);
  std::chrono::seconds until = std::chrono::hours(24);
};

class TestAuthority {
 public:
  explicit TestAuthority(std::string name, const TestAuthority* parent = nullptr)
      : name_(std::move(name)), parent_(parent), key_(newKey()) {
    certificate_ = sign({.name = name_}, *key_, "critical,CA:TRUE", parent ? *parent : *this);
  }

  std::string ca() const { return folder_.write("ca.pem", pem(*certificate_)); }
  const x509_st& certificate() const { return *certificate_; }
  // Leaf first, then this authority's own certificate when it isn't a root.
  model::CertificateFiles issue(const Issued& wanted) {
    const Handle<evp_pkey_st> key = newKey();
    const Handle<x509_st> leaf = sign(wanted, *key, "critical,CA:FALSE", *this);
    const std::string number = std::to_string(++issued_);
    std::string chain = pem(*leaf);
    if (parent_) chain += pem(*certificate_);
    return {{.path = "tls.certificate"},
            folder_.write(wanted.name + number + ".pem", chain),
            folder_.write(wanted.name + number + ".key", pem(*key))};
  }
  // A list with the certificates in `files` on it, and a second one of the parent's when there is one.
  std::string revoke(const std::vector<model::CertificateFiles>& files) const {
    X509_CRL* const list = X509_CRL_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate_.get()));
    setTime(X509_CRL_get0_lastUpdate(list), std::chrono::hours(-1));
    ASN1_TIME* const next = ASN1_TIME_set(nullptr, now() + 86'400);
    X509_CRL_set1_nextUpdate(list, next);
    for (const auto& file : files) {
      const Handle<bio_st> bio(BIO_new_file(file.certificate.c_str(), "r"));
      const Handle<x509_st> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
      X509_REVOKED* const entry = X509_REVOKED_new();
      X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get()));
      X509_REVOKED_set_revocationDate(entry, next);
      X509_CRL_add0_revoked(list, entry);
    }
    ASN1_TIME_free(next);
    X509_CRL_sort(list);
    check(X509_CRL_sign(list, key_.get(), EVP_sha256()) > 0, "a test's list is signed");
    const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_CRL(bio.get(), list);
    X509_CRL_free(list);
    return folder_.write("crl.pem", textOf(*bio));
  }

  static int64_t now() { return loop::VirtualClock().wallNanos() / 1'000'000'000; }

 private:
  static Handle<evp_pkey_st> newKey() {
    EVP_PKEY_CTX* const maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr);
    EVP_PKEY* key = nullptr;
    const bool is_made = EVP_PKEY_keygen_init(maker) == 1 &&
                         EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1) == 1 &&
                         EVP_PKEY_keygen(maker, &key) == 1;
    EVP_PKEY_CTX_free(maker);
    check(is_made, "a test's key is made");
    return Handle<evp_pkey_st>(key);
  }

  static void setTime(const ASN1_TIME* time, std::chrono::seconds from_now) {
    ASN1_TIME_set(const_cast<ASN1_TIME*>(time), now() + from_now.count());
  }

  static void extend(X509& certificate, X509V3_CTX& about, int nid, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_nconf_nid(nullptr, &about, nid, value.c_str());
    check(extension != nullptr, "a test's extension is understood");
    X509_add_ext(&certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static Handle<x509_st> sign(const Issued& wanted, evp_pkey_st& key, const std::string& constraints,
                              const TestAuthority& signer) {
    static long serial = 0x1000;
    Handle<x509_st> made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(made.get()), now() + wanted.from.count());
    ASN1_TIME_set(X509_getm_notAfter(made.get()), now() + wanted.until.count());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const uint8_t*>(wanted.name.c_str()), -1, -1, 0);
    X509* const issuer = signer.certificate_ ? signer.certificate_.get() : made.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    X509_set_pubkey(made.get(), &key);
    X509V3_CTX about;
    X509V3_set_ctx(&about, issuer, made.get(), nullptr, nullptr, 0);
    extend(*made, about, NID_basic_constraints, constraints);
    const bool is_ca = constraints.ends_with("TRUE");
    extend(*made, about, NID_key_usage, is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!is_ca && !wanted.usage.empty()) extend(*made, about, NID_ext_key_usage, wanted.usage);
    std::string sans;
    for (const std::string& san : wanted.sans) sans += (sans.empty() ? "" : ",") + san;
    if (!sans.empty()) extend(*made, about, NID_subject_alt_name, sans);
    check(X509_sign(made.get(), signer.key_.get(), EVP_sha256()) > 0, "a test's certificate is signed");
    return made;
  }

  static std::string textOf(bio_st& bio) {
    char* text = nullptr;
    const long bytes = BIO_get_mem_data(&bio, &text);
    return {text, static_cast<size_t>(bytes)};
  }
  static std::string pem(const x509_st& certificate) {
    const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), const_cast<X509*>(&certificate));
    return textOf(*bio);
  }
  static std::string pem(evp_pkey_st& key) {
    const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr);
    return textOf(*bio);
  }

  TestFolder folder_;
  std::string name_;
  const TestAuthority* parent_;
  Handle<evp_pkey_st> key_;
  Handle<x509_st> certificate_;
  int issued_ = 0;
};

}  // namespace remora::tls
