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
    'object-src': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'self'"],
    'frame-ancestors': ["'none'"],
  };
  return {
    'content-security-policy': Object.entries(policy)
      .map(([name, sources]) => `${name} ${[...new Set(sources)].join(' ')}`)
      .join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'permissions-policy': 'microphone=(self), camera=(), geolocation=()',
    'cross-origin-opener-policy': 'same-origin',
  };
}
