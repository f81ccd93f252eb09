/** What the part of the address after # asks for. `unsaid`: nothing; a new conversation is asked for by `#/`. */
export type Route =
  | { readonly kind: 'unsaid' }
  | { readonly kind: 'new' }
  | { readonly kind: 'conversation'; readonly conversationId: string }
  | { readonly kind: 'settings' }
  /** '' when no message is to be explained. */
  | { readonly kind: 'operator'; readonly messageId: string };

/** Reads `location.hash`. What is not known asks for nothing. */
export function routeOf(hash: string): Route {
  const [root, page, ...rest] = hash.split('/');
  const argument = decoded(rest.join('/'));
  if (root !== '#') return { kind: 'unsaid' };
  if (page === '') return { kind: 'new' };
  if (page === 'c' && argument !== '') return { kind: 'conversation', conversationId: argument };
  if (page === 'settings') return { kind: 'settings' };
  if (page === 'operator') return { kind: 'operator', messageId: argument };
  return { kind: 'unsaid' };
}

/** Writes it, for links. */
export function hashOf(route: Route): string {
  switch (route.kind) {
    case 'unsaid':
    case 'new':
      return '#/';
    case 'conversation':
      return `#/c/${encodeURIComponent(route.conversationId)}`;
    case 'settings':
      return '#/settings';
    case 'operator':
      return route.messageId === '' ? '#/operator' : `#/operator/${encodeURIComponent(route.messageId)}`;
    default:
      return route satisfies never;
  }
}

/** The open conversation, and the one before it; '' for one without a name. */
export interface Turn {
  readonly id: string;
  readonly lastId: string;
  /** Something was said in it. */
  readonly hasWords: boolean;
}

/**
 * Where the address has to follow the conversation: a new one is in it once something is said there, and one that was left (it was deleted)
 * is not in it any more. undefined: it is right, or it leads.
 */
export function routeAfter(here: Route, { id, lastId, hasWords }: Turn): Route | undefined {
  const open: Route = hasWords && id !== '' ? { kind: 'conversation', conversationId: id } : { kind: 'new' };
  switch (here.kind) {
    case 'settings':
    case 'operator':
      return undefined;
    case 'conversation':
      return here.conversationId !== id && here.conversationId === lastId ? open : undefined;
    case 'unsaid':
    case 'new':
      return open.kind === 'conversation' ? open : undefined;
    default:
      return here satisfies never;
  }
}

/** An address that somebody broke asks for nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return '';
    throw error;
  }
}
