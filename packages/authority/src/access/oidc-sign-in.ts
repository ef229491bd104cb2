/**
 * Signing in at the company's OpenID provider: authorization code with PKCE, state and nonce (OpenID Connect Core 3.1, RFC 7636). The
 * provider says who somebody is, and may take roles away. It gives none with which one person could be a second person (I-18).
 */
import { accountId } from '@imprint/contract/audit/entry';
import { toBase64, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { isEmpowering, type Role } from '@imprint/contract/permission';
import * as openid from 'openid-client';
import { type Dispatcher, fetch } from 'undici';
import { z } from 'zod';
import type { Draft } from '../ledger/ledger.ts';
import { enrolledByProvider, requireAnotherAdministrator } from './accounts.ts';
import type { Who } from './authorize.ts';
import type { AccessCore } from './sign-in.ts';

export interface OidcOptions {
  issuer: string;
  clientId: string;
  /** Absent: a public client, which PKCE alone protects. */
  clientSecret?: string;
  /** Where the provider sends the browser back to, as it is registered there. */
  redirectUri: string;
  /** The claim that lists a person's groups, and the roles that a group gives; absent: the provider says who, not what. */
  roles?: { claim: string; groups: Record<string, readonly Role[]> };
  /** Trusts a provider whose certificate the system does not know. */
  dispatcher?: Dispatcher;
}

const scope = 'openid profile';
/** How long a person may take at the provider. */
const flowMs = 10 * 60_000;
/** What seals a flow; no account can have this name. */
const flowName = 'oidc flow';
const flow = z.strictObject({
  verifier: z.string(),
  state: z.string(),
  nonce: z.string(),
  until: z.int(),
});

export class OidcSignIn {
  readonly #core: AccessCore;
  readonly #options: OidcOptions;
  #provider: Promise<openid.Configuration> | undefined;

  constructor(core: AccessCore, options: OidcOptions) {
    this.#core = core;
    this.#options = options;
  }

  /**
   * Where the browser goes, and what it has to bring back: the flow's secrets, sealed, so that any process of the authority can end
   * what another began.
   * @throws unavailable where the provider cannot be reached
   */
  async begin(): Promise<{ url: string; flow: string; maxAgeSeconds: number }> {
    const provider = await this.#discover();
    const { entropy, clock, seal } = this.#core;
    const drawn = { verifier: word(entropy(32)), state: word(entropy(32)), nonce: word(entropy(32)) };
    const url = openid.buildAuthorizationUrl(provider, {
      redirect_uri: this.#options.redirectUri,
      scope,
      state: drawn.state,
      nonce: drawn.nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(drawn.verifier),
      code_challenge_method: 'S256',
    });
    const text = JSON.stringify({ ...drawn, until: clock().getTime() + flowMs });
    const sealed = (await seal()).seal(toUtf8(text), flowName);
    return { url: url.href, flow: word(sealed), maxAgeSeconds: flowMs / 1000 };
  }

  /**
   * Who came back from the provider.
   * @param query of the request with which the browser came back
   * @param sealed what {@link begin} gave that browser
   * @param address where it comes from: whoever comes back with what the provider does not know is slowed, before the provider is asked
   * @throws login_refused for whatever does not fit, and for a person who has no account and no role here; rate_limited, unavailable
   */
  async finish(query: URLSearchParams, sealed: string, address: string): Promise<Who> {
    const attempt = this.#core.pace.beginFrom(address);
    const begun = await this.#opened(sealed);
    const provider = await this.#discover();
    const back = new URL(this.#options.redirectUri);
    back.search = query.toString();
    const tokens = await openid
      .authorizationCodeGrant(provider, back, {
        pkceCodeVerifier: begun.verifier,
        expectedState: begun.state,
        expectedNonce: begun.nonce,
        idTokenExpected: true,
      })
      .catch((cause: unknown) => {
        throw refused('the provider did not confirm it', cause);
      });
    const claims = tokens.claims();
    if (claims === undefined) throw refused('the provider said nobody’s name');
    const who = await this.#account(claims);
    attempt.succeeded();
    return who;
  }

  async #opened(sealed: string): Promise<z.infer<typeof flow>> {
    try {
      const bytes = new Uint8Array(Buffer.from(sealed, 'base64url'));
      const opened = (await this.#core.seal()).open(bytes, flowName);
      const begun = flow.parse(JSON.parse(new TextDecoder().decode(opened)));
      if (begun.until > this.#core.clock().getTime()) return begun;
    } catch (cause) {
      throw refused('it was not begun here', cause);
    }
    throw refused('it took too long');
  }

  /** The account of this identity, its roles as the claims say now. */
  #account(claims: { iss: string; sub: string; [claim: string]: unknown }): Promise<Who> {
    const mapped = this.#rolesOf(claims);
    return this.#core.ledger.submit<Who>(async ({ tx }) => {
      const row = await tx
        .selectFrom('account_login')
        .innerJoin('account', 'account.account_id', 'account_login.account_id')
        .select(['account.account_id', 'account.roles', 'account.status'])
        .where('account_login.oidc_issuer', '=', claims.iss)
        .where('account_login.oidc_subject', '=', claims.sub)
        .executeTakeFirst();
      if (row !== undefined && row.status !== 'active') throw refused('the account was disabled');
      const present = row === undefined ? [] : (JSON.parse(row.roles) as Role[]);
      const roles = mapped === null ? present : allowedOf(mapped, present);
      if (roles.length === 0) throw refused('the provider names no role for this person');
      const id = row?.account_id ?? accountIdOf(claims);
      const actor = { kind: 'authority', id: enrolledByProvider } as const;
      const who: Who = { means: 'password', actor: { kind: 'person', id } };
      const entries: Draft[] = [];
      if (row === undefined) {
        const taken = await tx
          .selectFrom('account')
          .select('account_id')
          .where('account_id', '=', id)
          .executeTakeFirst();
        if (taken !== undefined) throw refused(`there is another account ${id}`);
        const data = {
          account_id: id,
          roles,
          enrolled_by: enrolledByProvider,
          reason: `known to ${claims.iss}`.slice(0, 500),
        };
        entries.push({ type: 'account.created', actor, data });
      } else if (roles.join() !== [...present].sort().join()) {
        if (!roles.includes('administrator')) await requireAnotherAdministrator(tx, id);
        const data = { account_id: id, roles, reason: `as ${claims.iss} says`.slice(0, 500) };
        entries.push({ type: 'account.role-changed', actor, data });
      }
      return {
        entries,
        ...(row !== undefined
          ? {}
          : {
              remember: async (db) => {
                await db
                  .insertInto('account_login')
                  .values({
                    account_id: id,
                    name: typeof claims.name === 'string' ? claims.name.slice(0, 100) : id,
                    password: null,
                    totp: null,
                    totp_step: null,
                    oidc_issuer: claims.iss,
                    oidc_subject: claims.sub,
                  })
                  .execute();
              },
            }),
        reply: () => who,
      };
    });
  }

  /** Null where the provider has no say in roles. */
  #rolesOf(claims: Record<string, unknown>): Role[] | null {
    const { roles } = this.#options;
    if (roles === undefined) return null;
    const listed = claims[roles.claim];
    const groups = Array.isArray(listed) ? listed.filter((one) => typeof one === 'string') : [];
    return groups.flatMap((group) => (Object.hasOwn(roles.groups, group) ? [...roles.groups[group]!] : []));
  }

  #discover(): Promise<openid.Configuration> {
    this.#provider ??= this.#ask().catch((cause: unknown) => {
      // the next one who signs in tries again
      this.#provider = undefined;
      throw new ImprintError('unavailable', 'the company’s sign-in provider cannot be reached', {
        hint: 'Try again; an account with a password can sign in without it.',
        cause,
      });
    });
    return this.#provider;
  }

  #ask(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret, dispatcher } = this.#options;
    const client = clientSecret === undefined ? openid.None() : openid.ClientSecretBasic(clientSecret);
    const overTls = (url: string, init: unknown) =>
      fetch(url, { ...(init as object), ...(dispatcher === undefined ? {} : { dispatcher }) });
    return openid.discovery(new URL(issuer), clientId, undefined, client, {
      [openid.customFetch]: overTls as unknown as openid.CustomFetch,
      timeout: 10,
    });
  }
}

/** What the claims give, without what would make a second person out of somebody whom no two people empowered. */
function allowedOf(mapped: readonly Role[], present: readonly Role[]): Role[] {
  const allowed = mapped.filter((one) => !isEmpowering([one]) || present.includes(one));
  return [...new Set(allowed)].sort();
}

/** A name for the log: what the provider calls preferred, where it is one, or its subject. */
function accountIdOf(claims: { sub: string; preferred_username?: unknown }): string {
  for (const text of [claims.preferred_username, claims.sub]) {
    if (text !== enrolledByProvider && accountId.safeParse(text).success) return text as string;
  }
  throw refused('the provider gives no name that an account can have; make the account by hand');
}

function word(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function refused(why: string, cause?: unknown): ImprintError {
  return new ImprintError('login_refused', `this sign-in is not good: ${why}`, {
    hint: 'Begin again; if it stays, ask an administrator.',
    cause,
  });
}
