import type { AccountServiceServer } from '../gen/chat/v1/account_service.ts';
import type { MediaServiceServer } from '../gen/chat/v1/media_service.ts';
import type { ErrorMapping } from './errors.ts';
import { notYet } from './unary.ts';

/** MediaService, whose calls this release does not answer yet. */
export function mediaService(errors: ErrorMapping): MediaServiceServer {
  return { createUpload: notYet(errors, 'uploading media'), getMedia: notYet(errors, 'fetching media') };
}

/** AccountService, whose calls this release does not answer yet. */
export function accountService(errors: ErrorMapping): AccountServiceServer {
  return {
    signUp: notYet(errors, 'signing up'),
    signIn: notYet(errors, 'signing in'),
    refreshTokens: notYet(errors, 'refreshing tokens'),
    signOut: notYet(errors, 'signing out'),
  };
}
