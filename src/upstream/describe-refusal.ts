/**
 * What it means for a client that no connection came about, by the code that Node's DNS, TCP or TLS gives it. The words
 * name neither the host nor the address: a client need not know them.
 */
const refusals: readonly (readonly [code: RegExp, words: string])[] = [
  [/^(ENOTFOUND|ENODATA)\b/, "the vendor's host name does not resolve"],
  [/^(EAI_|ESERVFAIL|ETIMEOUT|EREFUSED)/, "the name server gives no answer for the vendor's host name"],
  [/^CERT_HAS_EXPIRED/, "the vendor's certificate has expired"],
  [/^CERT_NOT_YET_VALID/, "the vendor's certificate is not valid yet"],
  [/^CERT_REVOKED/, "the vendor's certificate is revoked"],
  [/^ERR_TLS_CERT_ALTNAME/, "the vendor's certificate is for another host name"],
  [/^(DEPTH_ZERO_)?SELF_SIGNED/, "the vendor's certificate is signed by no authority that the gateway knows"],
  [/^UNABLE_TO_(VERIFY|GET_ISSUER)/, "the vendor's certificate is signed by no authority that the gateway knows"],
  [/^(CERT_|UNABLE_TO_|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH)/, "the vendor's certificate is not valid"],
  [/^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET|EPROTO)/, 'the vendor does not speak TLS at this port'],
  [/^ERR_NO_HTTP2/, 'the vendor does not speak HTTP/2 at this port'],
  [/^(ERR_TLS|ERR_SSL|ERR_OSSL)/, 'no secure connection to the vendor'],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)/, 'no network route leads to the vendor'],
  [/^(EACCES|EPERM)\b/, 'this machine does not allow connections to the vendor'],
  [/^(EMFILE|ENFILE)\b/, 'the gateway has too many open connections'],
  [/^ECONNREFUSED/, 'the vendor refused the connection'],
];

/** The plain words for a `cause` that begins with a code, such as `ENOTFOUND getaddrinfo …`. */
export function describeRefusal(cause: string): string {
  return refusals.find(([code]) => code.test(cause))?.[1] ?? 'no connection to the vendor came about';
}
