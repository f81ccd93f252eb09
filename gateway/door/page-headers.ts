/** Where the page may go besides the origin that it came from. */
export interface PageOrigins {
  /** Of the URLs of media: shown, and uploaded to. */
  readonly media: readonly string[];
  /** Where people sign in; undefined: here. */
  readonly issuer: string | undefined;
}

/** Headers of the page and all its files: whatever a reply holds, nothing of it runs, and nothing is fetched from elsewhere. */
export function pageHeaders({ media, issuer }: PageOrigins): Record<string, string> {
  const stores = ["'self'", 'blob:', ...media];
  const policy = {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'"],
    'font-src': ["'self'"],
    'img-src': stores,
    'media-src': stores,
    'connect-src': ["'self'", ...media, ...(issuer === undefined ? [] : [issuer])],
    'manifest-src': ["'self'"],
    'frame-src': ["'self'"],
    'object-src': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'self'"],
    'frame-ancestors': ["'none'"],
  };
  return {
    ...commonHeaders(policy),
    'permissions-policy': 'microphone=(self), camera=(), geolocation=()',
    'cross-origin-opener-policy': 'same-origin',
  };
}

/**
 * Headers of the frame in which diagrams are drawn (gateway/web/src/diagrams): the page alone shows it, it has no origin whoever opens it, and it fetches
 * nothing but its script. That sets styles, which the page lets nobody do.
 */
export function diagramHeaders(): Record<string, string> {
  return commonHeaders({
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'unsafe-inline'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'self'"],
    sandbox: ['allow-scripts'],
  });
}

function commonHeaders(policy: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return {
    'content-security-policy': Object.entries(policy)
      .map(([name, sources]) => `${name} ${[...new Set(sources)].join(' ')}`)
      .join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  };
}
