/** Every cap on bytes, counts and times in one place: a loop, queue or buffer without one of these is a fault. */

export const limits = {
  /** One YAML document, provisioning contract or job manifest. */
  yamlBytes: 48 * 1024,
  yamlDepth: 12,
  /** Keys of one mapping, items of one list. */
  yamlEntries: 256,
  /** Nesting of canonical JSON, which is written and checked by recursion. */
  jsonDepth: 32,
  /** An entry of the audit log (C2SP tlog-tiles: a 16-bit length). */
  logEntryBytes: 65_535,
  /** IDs in one allocation entry, so that the entry stays under its cap. */
  idsPerLogEntry: 1_000,
  /** Hashes of keys in one entry, for the same reason, and in one file of a realm's keys. */
  keysPerLogEntry: 900,
  keysPerFile: 1_000_000,
  deviceIdLength: 64,
  /** Deferred configuration: names of a contract, bytes of one text, and bytes of all that one version holds. */
  configurationNames: 64,
  configurationTextBytes: 4 * 1024,
  configurationBytes: 16 * 1024,
  /** A roll-out: its steps, the minutes of one, and after how many failing devices it may stop at the latest. */
  configurationSteps: 16,
  configurationStepMinutes: 30 * 24 * 60,
  configurationStopAfter: 100_000,
  /** What one device may say of one configuration: more is no news and only fills the log. */
  configurationReports: 8,
  /** A certification request, DER. */
  csrBytes: 4 * 1024,
  /** Certificates of one certs-only message of EST. */
  estCertificates: 64,
  /** New keys of one device in the field that are certified, or wait for people, in a day. */
  fieldKeysADay: 16,
  /** When a device whose enrolment waits for people asks again. */
  enrolmentRetrySeconds: 300,
  /** A certificate, DER, and the most certificates in one chain. */
  certificateBytes: 8 * 1024,
  chainCertificates: 4,
  /** A request of a CA, a bundle of trust anchors, a root's CRL, and the transcript of all that a root ever did. */
  caRequestBytes: 16 * 1024,
  bundleBytes: 40 * 1024,
  bundleCertificates: 48,
  /** In base64 it fits into an entry of the log: some 800 CAs that a root has revoked. */
  rootCrlBytes: 45 * 1024,
  transcriptBytes: 1024 * 1024,
  /** So that it fits a common name behind what it says of the branch, and the name of a key's file. */
  caIdLength: 44,
  /** CRLs of one CA. */
  crlPartitions: 1_024,
  derDepth: 24,
  /** Content of an object identifier: a UUID arc (2.25) takes 20. */
  derOidBytes: 64,
  /** Body of a request to the station or public listener. */
  requestBytes: 256 * 1024,
  requestTimeoutMs: 10_000,
  /** Units of one request: so many that the answer stays under the next. */
  unitsPerRequest: 32,
  /** After a longer answer the connection is closed: Node refuses a request that it meets while half of the last answer waits. */
  keptAnswerBytes: 60 * 1024,
  /** Request line and headers, how long they may take, and a listener's open connections. */
  headerBytes: 8 * 1024,
  headersTimeoutMs: 5_000,
  connections: 512,
  /** Of these, what one address holds without a certificate, and what one station's certificate holds. */
  connectionsPerStranger: 64,
  connectionsPerStation: 128,
  /** Requests of one station a lane: at once, and a second after that. A unit takes some ten. */
  requestsPerLane: 400,
  requestsPerLaneASecond: 40,
  /** Requests of one device: at once, and a minute after that. */
  requestsPerDevice: 60,
  requestsPerDeviceAMinute: 60,
  /** Connections of the listener for devices, those of one certificate, and of these that show none, of one address. */
  deviceConnections: 8_000,
  connectionsPerDevice: 4,
  /** Handshakes of devices that run at once, those that wait for their turn, and how long they may. */
  handshakesAtOnce: 512,
  handshakesWaiting: 4_096,
  handshakeWaitMs: 20_000,
  /** A device's request: what it says of itself is short, and a certification request fits. */
  deviceRequestBytes: 16 * 1024,
  /** Requests of devices that are being decided; who comes when there are more is told to come again. */
  deviceRequestsAtOnce: 512,
  /** Changes that a device says of itself: at once, and a day after that. */
  reportsPerDevice: 6,
  reportsPerDeviceADay: 24,
  /** Entries of the log about devices that were refused, an hour, whoever they are. */
  refusalsLoggedAnHour: 120,
  /** How often last contacts and refusals are written down, and how many of them are remembered until then. */
  contactsEveryMs: 10_000,
  contactsRemembered: 20_000,
  /** About when a device is wanted again. */
  contactEverySeconds: 3_600,
  /** How far apart uses of one key from two places may lie to be uses at once. */
  samePlaceWindowMs: 60_000,
  /** Badges that nobody has, shown at one station: at once, and a minute after that. */
  wrongBadges: 10,
  wrongBadgesAMinute: 5,
  /** A signed note (checkpoint) and a receipt file. */
  noteBytes: 16 * 1024,
  receiptBytes: 256 * 1024,
  /** The longest line that the station ever accepts from a unit, and the shortest that a unit may ask for. */
  dutLineBytes: 16 * 1024,
  dutLineBytesMin: 256,
  /** A command's payload or a reply, put together from chunks. */
  dutMessageBytes: 64 * 1024,
  /** The longest answer that a device takes from the authority, and how long it waits for one. */
  deviceAnswerBytes: 1024 * 1024,
  deviceAnswerMs: 30_000,
  /** Requests that a unit may be asked before the first of them is answered: as many lines as one at work keeps. */
  dutWindow: 8,
  dutReplyTimeoutMs: 4_000,
  dutResends: 4,
  /** Bytes of noise before or between replies that are skipped in one exchange. */
  dutNoiseBytes: 256 * 1024,
  /** Scans: one line typed by a barcode reader. */
  scanBytes: 256,
  /** Boards of no record that one station may set aside in an hour. */
  unknownBoardsAnHour: 30,
  /** How long a process may take to build and sign a CRL; after that another one may. */
  crlClaimMs: 15_000,
  /** How often revocations of other processes are looked for. */
  revocationPollMs: 1_000,
  /** An OCSP request, DER: a certificate takes some 110 bytes, a nonce up to 150 more. */
  ocspRequestBytes: 2_048,
  /** Certificates of one OCSP request; more than one is signed for that request alone. */
  ocspCertificates: 8,
  /** Serials whose signed answers are kept, each some 1 KiB. */
  ocspAnswersKept: 50_000,
  /** OCSP answers that are signed for one address, and for all: at once, and a second after that. A kept one counts nothing. */
  ocspSignatures: 2_000,
  ocspSignaturesASecond: 200,
  ocspSignaturesOfAll: 4_000,
  ocspSignaturesOfAllASecond: 1_000,
  orderQuantity: 1_000_000,
  /** IDs of one imported file: what one transaction takes without others waiting long. */
  idsPerImport: 100_000,
  /** A list of devices to transition, and how many of them one tick takes at most. */
  transitionListBytes: 16 * 1024 * 1024,
  transitionsPerList: 100_000,
  transitionsPerRequest: 500,
  transitionsAtOnce: 128,
  lanesPerStation: 64,
  jobLeaseMs: 15 * 60_000,
  /** How fast one lane of a station may open jobs: faster than any takt, slow enough that a stolen station shows. */
  jobsPerLaneAMinute: 240,
  /** How far the authority's clock may be off another one, or jump, before issuing halts. */
  clockBoundMs: 60_000,
  clockWatchMs: 30_000,
  /** How long a process may take to sign what it intended; after that the intent is closed as revoked. */
  intentLeaseMs: 5_000,
  /** A key in a token: processes that sign with it, digests of one message to such a process, and digests that wait for one. */
  signingProcesses: 16,
  digestsPerMessage: 64,
  digestsWaiting: 10_000,
  /** How long a token may take for what it was asked to sign (less than the intent's lease), to open, and until it is tried anew. */
  signingTimeoutMs: 4_000,
  tokenOpenTimeoutMs: 20_000,
  tokenReopenMs: 5_000,
  pinBytes: 256,
  attemptsPerUnit: 5,
  /** Keys that are certified for one job: each one but the last is revoked, and a station keeps them all. */
  keysPerJob: 16,
  /** Of a device's former jobs, the newest keys and certificates that a station is told. */
  formerKeys: 64,
  formerCertificates: 8,
  nonceLifeMs: 2 * 60_000,
  enrolmentTokenLifeMs: 15 * 60_000,
  /** How long an answered request may be repeated: longer than a station keeps one that must arrive. */
  requestMemoryMs: 400 * 86_400_000,
  pageRows: 200,
  /** When the doctor warns of an end that comes: of a CA, which takes planning, of a server's certificate, and of a station's. */
  /** How long the CRL of a dev realm's root holds: its key is on the authority's machine, and each new CA brings another one. */
  devRootCrlDays: 365,
  rootCrlEndsSoonDays: 30,
  /** Renewed after 36 hours: less left than this, and nobody renews it. */
  ocspSignerEndsSoonHours: 24,
  caEndsSoonDays: 180,
  serverEndsSoonDays: 30,
  stationEndsSoonDays: 14,
  /** Hours after which the last backup is old, and far too old. */
  backupOldHours: 36,
  backupFarTooOldHours: 14 * 24,
  /** Free room of a disk, bytes, below which the doctor warns, and below which writing is about to fail. */
  diskLowBytes: 5 * 1024 ** 3,
  diskFullBytes: 512 * 1024 ** 2,
  /** Hours for which a report of a station may lie unanswered. */
  reportOldHours: 24,
  /** How often the newest checkpoint that was signed is written beside the keys. */
  logMarkEveryMs: 60_000,
  /** Checkpoints from elsewhere that a restored log is held against. */
  evidenceCheckpoints: 64,
  /** Files of one backup beside its database, one of them, and the manifest that names them. */
  backupFiles: 1_000,
  backupFileBytes: 1024 * 1024,
  manifestFileBytes: 512 * 1024,
  /** Accounts that are made on the machine itself where acts take two people: those two, before there is anybody who could enrol. */
  foundingAccounts: 2,
  passwordCharactersMin: 12,
  passwordBytes: 1024,
  /** Passwords that are checked at once, each in 32 MB for a quarter of a second, and those that wait. */
  passwordChecksAtOnce: 2,
  passwordChecksWaiting: 32,
  /** Wrong sign-ins of one account, and of one address: at once, and a minute after that. */
  wrongLoginsPerAccount: 5,
  wrongLoginsPerAccountAMinute: 1,
  wrongLoginsPerAddress: 20,
  wrongLoginsPerAddressAMinute: 10,
  sessionLifeMs: 60 * 60_000,
  apiTokenDays: 366,
  /** How long a request for a second person waits, and at most. */
  approvalLifeMs: 24 * 3_600_000,
  approvalLifeMaxMs: 7 * 24 * 3_600_000,
  approvalParameterBytes: 16 * 1024,
  /** A walk from an account to who enrolled it, and so on. */
  enrolmentDepth: 64,
  /** Decisions of one transaction of the ledger, and those that may wait for one. */
  decisionsPerTick: 256,
  decisionsWaiting: 10_000,
  /** How far the clock may stand before the log's last entry; further back, nothing is written (I-8). */
  clockBehindMs: 5_000,
  /** How far it may be off the database server's: half of that, so that no process writes what another one is too far behind. */
  clockOffServerMs: 2_500,
} as const;
