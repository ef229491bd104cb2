/**
 * The URLs at which a certificate says where its revocation is told: plain HTTP, since whoever verifies a certificate cannot need
 * another one for it (RFC 5280 section 8), and each answer is signed. Without user, query or fragment: one spelling.
 */

const mostLength = 200;
const httpUrl =
  /^http:\/\/(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?(?:\/[A-Za-z0-9._~-]+)*$/;

/** True where `url` may stand in cRLDistributionPoints or authorityInfoAccess, or before the paths of both. */
export function isRevocationUrl(url: string): boolean {
  return url.length <= mostLength && httpUrl.test(url) && !/\/\.{1,2}(\/|$)/.test(url);
}
