/** A device whose connection and registry entry let it through, for this one request. */
export interface KnownDevice {
  deviceId: string;
  credentialId: string;
  profile: 'idevid' | 'ldevid';
  /** SHA-256 (hex) of the certificate that this connection proved. */
  certificateSha256: string;
}
