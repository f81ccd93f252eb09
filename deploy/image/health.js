// Ends with 0 when this container's HTTP port answers the path named first with 200, with 1 otherwise. The certificate, if there is
// one, is for clients: it does not name this address, and is not looked at here.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

const timeoutMs = 4_000;
const [path = '/healthz'] = process.argv.slice(2);
const { PARLEY_HTTP_LISTEN: listen = '127.0.0.1:8080', PARLEY_TLS_CERT_FILE: certificate = '' } = process.env;
const port = listen.slice(listen.lastIndexOf(':') + 1);
const request = certificate === '' ? httpRequest : httpsRequest;

/** @param {string} why */
function fail(why) {
  console.error(why);
  process.exit(1);
}

const options = { host: '127.0.0.1', port, path, timeout: timeoutMs, rejectUnauthorized: false };
request(options, (response) => {
  if (response.statusCode !== 200) fail(`${path} answers ${response.statusCode}`);
  process.exit(0);
})
  .on('timeout', () => fail(`no answer within ${timeoutMs} ms`))
  .on('error', (error) => fail(error.message))
  .end();
