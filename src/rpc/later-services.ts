import type { AccountServiceServer } from '../gen/chat/v1/account_service.ts';
import type { MediaServiceServer } from '../gen/chat/v1/media_service.ts';
import type { Calls } from './calls.ts';
import { notYet } from './unary.ts';

/** MediaService, whose calls this release does not answer yet. */
export function mediaService(calls: Calls): MediaServiceServer {
  return { createUpload: notYet(calls, 'uploading media'), getMedia: notYet(calls, 'fetching media') };
}

/** AccountService, whose calls this release does not answer yet. */
export function accountService(calls: Calls): AccountServiceServer {
  return {
    signUp: notYet(calls, 'signing up'),
    signIn: notYet(calls, 'signing in'),
    refreshTokens: notYet(calls, 'refreshing tokens'),
    signOut: notYet(calls, 'signing out'),
  };
}
