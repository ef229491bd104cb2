/** The port to one fixture position: bytes out, bytes in, and the news that the wire is gone. It trusts nothing that comes in. */

export interface DutLinkEvents {
  /** Bytes as they arrive, in order, in pieces of any size. */
  bytes(bytes: Uint8Array): void;
  /** The wire is gone, and not by `close`: a pulled cable, a device server that hung up. Said once for each `open`. */
  closed(reason: string): void;
}

/**
 * A link is bound to where the wire is plugged in, not to what is plugged in: after it was lost, `open` looks the same
 * port up again, however the system numbers it now, and whoever is at the other end must be identified anew.
 */
export interface DutLink {
  /** Where it leads, as the station's configuration names it. */
  readonly port: string;
  /** Bits a second, or null where the wire sets no pace of its own (TCP). */
  readonly baud: number | null;
  /** Opens, or opens again; what arrived before is not delivered. @throws link_lost */
  open(events: DutLinkEvents): Promise<void>;
  /** Resolves when the bytes were handed to the system. @throws link_lost */
  write(bytes: Uint8Array): Promise<void>;
  /** Lets go of the port. Safe at any time; no event follows. */
  close(): Promise<void>;
}
