/** For tests: a company's OpenID provider, a real one, over TLS on loopback, and a browser that signs in there. */
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { Agent, type Dispatcher, fetch, type Response } from 'undici';
import { pem, type TestRealm } from '../trust/hierarchy.test-kit.ts';

export interface TestProvider {
  issuer: string;
  dispatcher: Dispatcher;
  /** What the provider says of people, by subject. */
  claims: Map<string, Record<string, unknown>>;
  close(): Promise<void>;
}

/** @param redirectUri of the one client, `imprint` with the secret `company secret` */
export async function openProvider(realm: TestRealm, redirectUri: string): Promise<TestProvider> {
  const { certificates, keys } = realm.hierarchy;
  let serve: RequestListener = (_, response) => response.end();
  const server = createServer(
    {
      key: keys.server.export({ format: 'pem', type: 'pkcs8' }),
      cert: pem(certificates.server) + pem(certificates.stationCa),
    },
    (request, response) => serve(request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const claims = new Map<string, Record<string, unknown>>();
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'imprint', client_secret: 'company secret', redirect_uris: [redirectUri] }],
    // what a claim says stands in the ID token
    conformIdTokenClaims: false,
    claims: { profile: ['name', 'preferred_username', 'groups'] },
    pkce: { required: () => true },
    cookies: { keys: ['of the test'] },
    findAccount: async (_, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, ...claims.get(sub) }),
    }),
  });
  serve = provider.callback();
  return {
    issuer,
    dispatcher: new Agent({ connect: { ca: pem(certificates.stationRoot) } }),
    claims,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A browser: it keeps each host's cookies and follows where it is sent, one step at a time. */
export class Browser {
  readonly #dispatcher: Dispatcher;
  readonly #cookies = new Map<string, Map<string, string>>();

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  async go(url: string, form?: Record<string, string>): Promise<Response> {
    const { host } = new URL(url);
    const jar = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, jar);
    const response = await fetch(url, {
      dispatcher: this.#dispatcher,
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      jar.set(name!, value!);
    }
    return response;
  }

  /** Goes to `start`, signs in at the provider as `sub`, agrees, and gives the URL that the provider sends it back to. */
  async signIn(start: string, sub: string): Promise<string> {
    let { origin } = new URL(start);
    const home = origin;
    let response = await this.go(start);
    for (let step = 0; step < 12; step++) {
      const next = response.headers.get('location');
      if (next === null) throw new Error(`it went no further: ${response.status} ${await response.text()}`);
      const url = new URL(next, response.url);
      origin = url.origin;
      if (step > 0 && origin === home) return url.href;
      response = await this.go(url.href);
      if (response.status !== 200) continue;
      const page = await response.text();
      const isLogin = page.includes('value="login"');
      response = await this.go(
        url.href,
        isLogin ? { prompt: 'login', login: sub, password: 'x' } : { prompt: 'consent' },
      );
    }
    throw new Error('it goes round and round');
  }
}
