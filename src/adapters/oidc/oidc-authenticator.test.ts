import { createHmac, createPublicKey } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import { AuthenticationUnavailable } from '../../ports/authenticator.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { OidcIssuerInsecure } from './issuer.ts';
import { issuerRetryMs, maxDocumentBytes, unknownKeyCalls, unknownKeyRefillMs } from './limits.ts';
import { claimHolds, claimOf, type OidcAuthenticatorOptions, oidcAuthenticator } from './oidc-authenticator.ts';
import { type IssuerKey, issuerKey, signedBy, TestIssuer } from './testing/issuer.ts';

const audience = 'https://parley.example';
const clockToleranceMs = 30_000;
const refused = { name: 'Refused', reason: 'UNAUTHENTICATED' };
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

let first: IssuerKey;
let second: IssuerKey;
let curve: IssuerKey;
beforeAll(async () => {
  [first, second, curve] = await Promise.all([issuerKey('first'), issuerKey('second'), issuerKey('curve', 'ES256')]);
});

let issuer: TestIssuer;
let clock: StandingClock;
beforeEach(async () => {
  // The issuer says at every start that it is not for production.
  jest.spyOn(console, 'warn').mockImplementation(() => {});
  issuer = await TestIssuer.listen();
  issuer.up([first, curve]);
  clock = new StandingClock(Date.now());
});
afterEach(async () => {
  await issuer[Symbol.asyncDispose]();
  jest.restoreAllMocks();
});

function authenticator(more: Partial<OidcAuthenticatorOptions> = {}) {
  const claims = { clientIdClaim: 'sub', operatorClaim: 'scope', operatorValue: 'parley.operator', groupClaim: '' };
  return oidcAuthenticator({ issuer: issuer.url, audience, ...claims, clockToleranceMs, clock, ...more });
}

/** What a good token of the issuer says. */
function goodClaims(more: JWTPayload = {}): JWTPayload {
  const seconds = Math.floor(clock.nowMs() / 1_000);
  return { iss: issuer.url, aud: audience, sub: 'ann', iat: seconds, exp: seconds + 300, ...more };
}

describe('a token of the issuer', () => {
  test('says who calls, and until when', async () => {
    const token = await issuer.token(audience);
    const expireTimeMs = (decodeJwt(token).exp ?? 0) * 1_000 + clockToleranceMs;
    expect(await authenticator().authenticate(token)).toEqual({ clientId: 'bot', isOperator: false, expireTimeMs });
  });

  test('makes an operator by the scope that is configured', async () => {
    const token = await issuer.token(audience, 'chat parley.operator');
    expect(await authenticator().authenticate(token)).toMatchObject({ isOperator: true });
    expect(await authenticator({ operatorValue: 'operator' }).authenticate(token)).toMatchObject({ isOperator: false });
  });

  test('names the group of the client by the claim that is configured, and of a list the first', async () => {
    const groupOf = async (claims: JWTPayload, groupClaim = 'team') => {
      const token = await signedBy(first, goodClaims(claims));
      return (await authenticator({ groupClaim }).authenticate(token)).group;
    };
    expect(await groupOf({ team: 'sales' })).toBe('sales');
    expect(await groupOf({ team: 'sales' }, '')).toBeUndefined();
    expect(await groupOf({ org: { teams: ['sales', 'support'] } }, 'org.teams')).toBe('sales');
    for (const team of [undefined, null, '', []]) expect(await groupOf({ team })).toBeUndefined();
    for (const team of [7, {}, ['x'.repeat(129)], 'a\nb'])
      await expect(groupOf({ team })).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
  });

  test('by any of its keys and algorithms is taken', async () => {
    for (const key of [first, curve])
      expect(await authenticator().authenticate(await signedBy(key, goodClaims()))).toMatchObject({ clientId: 'ann' });
  });

  test('costs no fetch once the keys are known', async () => {
    const subject = authenticator();
    const token = await issuer.token(audience);
    await Promise.all(Array.from({ length: 20 }, () => subject.authenticate(token)));
    expect(issuer.asked.filter((path) => path !== '/token')).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test('is refused when it is for another audience', async () => {
    const token = await issuer.token('https://another.example');
    await expect(authenticator().authenticate(token)).rejects.toMatchObject({ ...refused, message: /claim aud/ });
    const both = await signedBy(first, goodClaims({ aud: ['https://another.example', audience] }));
    expect(await authenticator().authenticate(both)).toMatchObject({ clientId: 'ann' });
  });

  test('is refused when another issuer made it, although its key is the same', async () => {
    await using other = await TestIssuer.listen();
    other.up([first]);
    const token = await other.token(audience);
    await expect(authenticator().authenticate(token)).rejects.toMatchObject({ ...refused, message: /claim iss/ });
  });

  test('is refused when it has expired, is not valid yet, or never expires', async () => {
    const subject = authenticator();
    const token = await issuer.token(audience);
    const { exp = 0 } = decodeJwt(token);
    clock.advance(exp * 1_000 + clockToleranceMs - 1_000 - clock.nowMs());
    expect(await subject.authenticate(token)).toMatchObject({ clientId: 'bot' });
    clock.advance(1_000);
    await expect(subject.authenticate(token)).rejects.toMatchObject({ ...refused, message: /expired/ });
    const seconds = Math.floor(clock.nowMs() / 1_000);
    for (const claims of [{ nbf: seconds + 60 }, { exp: undefined }, { exp: 'never' as unknown as number }])
      await expect(subject.authenticate(await signedBy(first, goodClaims(claims)))).rejects.toMatchObject(refused);
    const late = await subject.authenticate(await signedBy(first, goodClaims({ exp: 1e300 })));
    expect(new Date(late.expireTimeMs).getTime()).toBe(late.expireTimeMs);
  });

  // Cause: the session that a tolerated token opened was over by the token's own time.
  test('opens a session that lasts as long as the token is tolerated', async () => {
    const token = await issuer.token(audience);
    const expMs = (decodeJwt(token).exp ?? 0) * 1_000;
    clock.advance(expMs + clockToleranceMs - 1_000 - clock.nowMs());
    expect((await authenticator().authenticate(token)).expireTimeMs).toBeGreaterThan(clock.nowMs());
    const strict = authenticator({ clockToleranceMs: 0 });
    await expect(strict.authenticate(token)).rejects.toMatchObject({ ...refused, message: /expired/ });
    clock.advance(expMs - 1_000 - clock.nowMs());
    expect(await strict.authenticate(token)).toMatchObject({ expireTimeMs: expMs });
  });

  test('is refused when it was changed', async () => {
    const subject = authenticator();
    const [header = '', claims = '', signature = ''] = (await issuer.token(audience)).split('.');
    const operator = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), scope: 'parley.operator' };
    for (const token of [
      `${header}.${base64url(operator)}.${signature}`,
      `${header}.${claims}.`,
      `${header}.${claims}`,
      `${header}.${claims}.${'A'.repeat(signature.length)}`,
      `${base64url({ ...JSON.parse(Buffer.from(header, 'base64url').toString()), kid: 'curve' })}.${claims}.${signature}`,
    ])
      await expect(subject.authenticate(token)).rejects.toMatchObject(refused);
  });

  test('is refused without a signature, and with one that the public key would do for', async () => {
    const subject = authenticator();
    const token = await issuer.token(audience);
    const header = decodeProtectedHeader(token);
    const unsigned = (alg: string) => `${base64url({ ...header, alg })}.${base64url(goodClaims())}`;
    for (const alg of ['none', 'None', 'NONE', ''])
      await expect(subject.authenticate(`${unsigned(alg)}.`)).rejects.toMatchObject(refused);
    const publicKey = createPublicKey({ key: first as never, format: 'jwk' });
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      Buffer.from(first.n ?? '', 'base64url'),
    ];
    for (const secret of secrets) {
      const input = unsigned('HS256');
      const signature = createHmac('sha256', secret).update(input).digest('base64url');
      await expect(subject.authenticate(`${input}.${signature}`)).rejects.toMatchObject(refused);
    }
  });

  test('is refused when another key signed it that claims to be the same, or is sent along', async () => {
    const impostor = { ...(await issuerKey('first')), kid: 'first' };
    const { kty, n, e } = impostor;
    for (const header of [{}, { jwk: { kty, n, e } }, { jku: `${issuer.url}/other` }])
      await expect(authenticator().authenticate(await signedBy(impostor, goodClaims(), header))).rejects.toMatchObject(
        refused,
      );
  });

  test('is refused when it is of a kind that is not for calling', async () => {
    for (const typ of ['logout+jwt', 'dpop+jwt', 7])
      await expect(authenticator().authenticate(await signedBy(first, goodClaims(), { typ }))).rejects.toMatchObject(
        refused,
      );
    for (const typ of ['JWT', 'at+jwt', 'application/at+jwt'])
      expect(await authenticator().authenticate(await signedBy(first, goodClaims(), { typ }))).toMatchObject({
        clientId: 'ann',
      });
  });

  test('is refused when its client id is none', async () => {
    for (const sub of [undefined, '', 'a\nb', 'x'.repeat(129), 7, null, ['ann'], { toString: 1 }])
      await expect(
        authenticator().authenticate(await signedBy(first, goodClaims({ sub: sub as string }))),
      ).rejects.toMatchObject(refused);
    expect(
      await authenticator().authenticate(await signedBy(first, goodClaims({ sub: '漢字@example' }))),
    ).toMatchObject({
      clientId: '漢字@example',
    });
  });

  test('gives the client id from the claim that is configured', async () => {
    const token = await signedBy(first, goodClaims({ 'https://example.com/user': 'ann@example.com' }));
    const subject = authenticator({ clientIdClaim: 'https://example.com/user' });
    expect(await subject.authenticate(token)).toMatchObject({ clientId: 'ann@example.com' });
    await expect(subject.authenticate(await signedBy(first, goodClaims()))).rejects.toMatchObject(refused);
  });
});

describe('keys', () => {
  // Cause: within 5 s of a fetch an unknown key was not looked for, and whoever had a token of it was signed out.
  test('that are new to the issuer are accepted at once, and withdrawn ones are forgotten then', async () => {
    const subject = authenticator();
    const old = await issuer.token(audience);
    await subject.authenticate(old);
    issuer.up([second]);
    const token = await issuer.token(audience);
    expect(decodeProtectedHeader(token).kid).toBe('second');
    expect(await subject.authenticate(token)).toMatchObject({ clientId: 'bot' });
    await expect(subject.authenticate(old)).rejects.toMatchObject(refused);
  });

  test('that are made up are looked for once in a while only, and a new one waits its turn among them', async () => {
    const subject = authenticator();
    await subject.authenticate(await issuer.token(audience));
    const fetches = () => issuer.asked.filter((path) => path === '/jwks').length;
    const before = fetches();
    // Signed before, so that they come at once however slow that is.
    const forged = await Promise.all(
      Array.from({ length: 20 }, (_, index) => signedBy({ ...second, kid: `made up ${index}` }, goodClaims())),
    );
    const isRefused = (token: string) => expect(subject.authenticate(token)).rejects.toMatchObject(refused);
    await Promise.all(forged.map(isRefused));
    expect(fetches()).toBe(before + 1);
    for (const token of forged.slice(1, unknownKeyCalls)) await isRefused(token);
    expect(fetches()).toBe(before + unknownKeyCalls);
    issuer.up([second]);
    const good = await issuer.token(audience);
    const waiting = [isRefused(forged[0] ?? ''), subject.authenticate(good)];
    await eventually(
      async () => clock.sleeping,
      (count) => count === 1,
    );
    expect(fetches()).toBe(before + unknownKeyCalls);
    clock.advance(unknownKeyRefillMs / unknownKeyCalls);
    expect((await Promise.all(waiting))[1]).toMatchObject({ clientId: 'bot' });
    expect(fetches()).toBe(before + unknownKeyCalls + 1);
  });

  // Cause: jose asked for old keys again at each call, however the last attempt had ended.
  test('are not asked for at each call while the issuer is down', async () => {
    const subject = authenticator();
    const token = await issuer.token(audience);
    await subject.authenticate(token);
    issuer.down();
    await withJosesClock(11 * 60_000, async () => {
      const before = issuer.asked.length;
      for (let round = 0; round < 20; round += 1)
        await expect(subject.authenticate(token)).rejects.toThrow(AuthenticationUnavailable);
      expect(issuer.asked).toHaveLength(before + 1);
      clock.advance(issuerRetryMs);
      issuer.up([first]);
      expect(await subject.authenticate(token)).toMatchObject({ clientId: 'bot' });
    });
  });

  test('are still good while the issuer is down, until they are too old', async () => {
    const subject = authenticator();
    const token = await issuer.token(audience);
    await subject.authenticate(token);
    issuer.down();
    expect(await subject.authenticate(token)).toMatchObject({ clientId: 'bot' });
    await withJosesClock(11 * 60_000, async () => {
      await expect(subject.authenticate(token)).rejects.toThrow(AuthenticationUnavailable);
    });
  });

  test('that are no key set make callers unknown for now, and not unauthenticated', async () => {
    const token = await signedBy(first, goodClaims());
    for (const document of [
      {},
      { keys: 'none' },
      { keys: [null] },
      [],
      { keys: [{ kty: 'RSA', kid: 'first', n: '', e: '' }] },
    ]) {
      issuer.answer((request, response) => {
        const discovery = { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
        response.end(JSON.stringify(request.url === '/jwks' ? document : discovery));
      });
      await expect(authenticator().authenticate(token)).rejects.toThrow(AuthenticationUnavailable);
    }
  });
});

describe('discovery', () => {
  test('is made when the issuer is up, however long after the start', async () => {
    const token = await issuer.token(audience);
    issuer.down();
    const subject = authenticator();
    await expect(subject.authenticate(token)).rejects.toThrow(AuthenticationUnavailable);
    issuer.up([first]);
    const asked = issuer.asked.length;
    // Whoever calls at once is told the same, and the issuer is left alone.
    await expect(subject.authenticate(token)).rejects.toThrow(AuthenticationUnavailable);
    expect(issuer.asked).toHaveLength(asked);
    clock.advance(issuerRetryMs);
    expect(await subject.authenticate(token)).toMatchObject({ clientId: 'bot' });
  });

  test('refuses what is not the document of this issuer', async () => {
    const good = { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
    const answers: readonly [number, string][] = [
      [200, JSON.stringify({ ...good, issuer: 'https://another.example' })],
      [200, JSON.stringify({ ...good, issuer: undefined })],
      [200, JSON.stringify({ ...good, jwks_uri: undefined })],
      [200, JSON.stringify({ ...good, jwks_uri: 'http://another.example/jwks' })],
      [200, JSON.stringify({ ...good, jwks_uri: 'file:///etc/passwd' })],
      [200, 'null'],
      [200, '<html>'],
      [200, `${' '.repeat(maxDocumentBytes)}${JSON.stringify(good)}`],
      [404, JSON.stringify(good)],
      [302, ''],
    ];
    for (const [status, body] of answers) {
      issuer.answer((_request, response) => response.writeHead(status, { location: '/jwks' }).end(body));
      await expect(authenticator().authenticate('a.b.c')).rejects.toThrow(AuthenticationUnavailable);
    }
  });

  test('does not go where it is sent', async () => {
    issuer.answer((request, response) => {
      if (request.url === '/elsewhere')
        response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }));
      else response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await expect(authenticator().authenticate('a.b.c')).rejects.toThrow(AuthenticationUnavailable);
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration']);
  });

  test('takes an issuer whose name ends in a slash, and holds tokens to that name', async () => {
    issuer.answer((request, response) => {
      const { d: _, ...key } = first;
      const discovery = { issuer: `${issuer.url}/`, jwks_uri: `${issuer.url}/jwks` };
      response.end(JSON.stringify(request.url === '/jwks' ? { keys: [key] } : discovery));
    });
    const subject = authenticator();
    expect(await subject.authenticate(await signedBy(first, goodClaims({ iss: `${issuer.url}/` })))).toBeDefined();
    await expect(subject.authenticate(await signedBy(first, goodClaims()))).rejects.toMatchObject(refused);
  });

  test('is by https, or on this machine', () => {
    for (const url of ['http://issuer.example', 'http://127.0.0.1.example', 'http://10.0.0.1', 'ftp://localhost'])
      expect(() => authenticator({ issuer: url })).toThrow(OidcIssuerInsecure);
    for (const url of ['https://issuer.example', 'http://localhost:1', 'http://[::1]:1', 'http://127.0.0.2'])
      expect(authenticator({ issuer: url })).toBeDefined();
  });
});

describe('claims', () => {
  test('make an operator as one text, one of several words, or one of a list', () => {
    const holds = (claim: unknown) => claimHolds({ roles: claim }, 'roles', 'admin');
    for (const claim of ['admin', 'user admin', ['admin'], ['user', 'admin']]) expect(holds(claim)).toBe(true);
    for (const claim of [
      'administrator',
      'user-admin',
      ['user admin'],
      ['user'],
      [['admin']],
      { admin: true },
      true,
      null,
      undefined,
      '',
    ])
      expect(holds(claim)).toBe(false);
    expect(claimHolds({ role: 'chief admin' }, 'role', 'chief admin')).toBe(true);
  });

  test('are found by their name, or by the way into an object', () => {
    const payload = { realm_access: { roles: ['admin'] }, 'https://example.com/role': 'admin' };
    expect(claimOf(payload, 'https://example.com/role')).toBe('admin');
    expect(claimOf(payload, 'realm_access.roles')).toEqual(['admin']);
    for (const name of [
      'realm_access.roles.0.x',
      'realm_access.none',
      'constructor',
      '__proto__',
      'realm_access.constructor',
    ])
      expect(claimOf(payload, name)).toBeUndefined();
  });
});

/** jose looks at the machine's clock for the age of its keys. */
async function withJosesClock(aheadMs: number, work: () => Promise<void>): Promise<void> {
  const now = Date.now;
  Date.now = () => now() + aheadMs;
  try {
    await work();
  } finally {
    Date.now = now;
  }
}
