import { describe, expect, test } from '@jest/globals';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { announcement } from './announcement.ts';

const addresses = { grpcAddress: '127.0.0.1:1', httpAddress: '127.0.0.1:2' };

function told(env: Record<string, string>): string {
  const config: Config = loadConfig(env);
  return announcement(addresses, config);
}

describe('what a server tells when it has started', () => {
  test('begins with its addresses, and works as it is told', () => {
    const text = told({});
    expect(text).toMatch(/^parley is listening: grpc 127\.0\.0\.1:1 http 127\.0\.0\.1:2\n/);
    expect(text).toMatch(/another terminal:\n {2}http:\/\/127\.0\.0\.1:2\/ {2,}talk to it in the browser\n/);
    expect(text).toContain('npm run parley -- chat --address 127.0.0.1:1   talk to it\n');
    expect(text).toContain('curl http://127.0.0.1:2/metrics');
  });

  test('is its addresses alone where it was built, as in an image, which has no npm', () => {
    expect(announcement(addresses, loadConfig({}), false)).toBe(
      'parley is listening: grpc 127.0.0.1:1 http 127.0.0.1:2\n',
    );
  });

  test('names the model that answers, unless it is the simulated one', () => {
    const model = { PARLEY_OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1', PARLEY_OPENAI_MODEL: 'llama3' };
    const text = told({ PARLEY_PROVIDER: 'openai', ...model });
    expect(text).toContain('127.0.0.1:2\nAnswers: llama3 at http://127.0.0.1:11434/v1\nTry next');
    expect(told({})).not.toContain('Answers');
  });

  test('names the page of the API only where it is shown', () => {
    expect(told({})).toContain('http://127.0.0.1:2/docs');
    expect(told({ PARLEY_REFLECTION: 'off' })).not.toContain('/docs');
  });

  test('names TLS where there is TLS', () => {
    const text = told({ PARLEY_TLS_CERT_FILE: 'cert.pem', PARLEY_TLS_KEY_FILE: 'key.pem' });
    expect(text).toContain('chat --address 127.0.0.1:1 --tls ');
    expect(text).toContain('curl https://127.0.0.1:2/metrics');
    expect(text).toContain('https://127.0.0.1:2/ ');
    expect(text).not.toContain('http:');
  });

  test('sends no browser to a server whose clients must show a certificate', () => {
    const files = { PARLEY_TLS_CERT_FILE: 'cert.pem', PARLEY_TLS_KEY_FILE: 'key.pem' };
    expect(told({ ...files, PARLEY_TLS_CLIENT_CA_FILE: 'ca.pem' })).not.toContain('in the browser');
  });

  test('begins with an account where one is needed, and offers nobody what is for operators', () => {
    const text = told({ PARLEY_AUTH: 'accounts' });
    expect(text).toContain('sign-up NAME --address 127.0.0.1:1');
    expect(text).not.toContain('usage');
    const closed = told({ PARLEY_AUTH: 'accounts', PARLEY_SIGN_UP: 'closed' });
    expect(closed).toContain('sign-in NAME --address 127.0.0.1:1');
    expect(closed).not.toContain('sign-up');
  });

  test('asks for a token of the issuer', () => {
    const text = told({
      PARLEY_AUTH: 'oidc',
      PARLEY_OIDC_ISSUER: 'https://issuer.test',
      PARLEY_OIDC_AUDIENCE: 'parley',
    });
    expect(text).toContain('chat --address 127.0.0.1:1 --token-file FILE');
  });
});
