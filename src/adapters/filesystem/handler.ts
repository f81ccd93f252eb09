import type { IncomingMessage, ServerResponse } from 'node:http';
import { isNoRoom } from '../../ports/media-store.ts';
import { answerEmpty, answerRefusal, hasBody } from './answers.ts';
import { type DownloadDeps, giveDownload } from './download.ts';
import { ClientGone, HttpRefusal, nothingHere, refusalOf } from './http-refusal.ts';
import { preflightMaxAgeS } from './limits.ts';
import { parseTarget } from './signed-urls.ts';
import { takeUpload, type UploadDeps } from './upload.ts';

const methods = 'GET, HEAD, PUT, OPTIONS';

export type HandlerDeps = UploadDeps &
  DownloadDeps & {
    /** Told what is no client's fault. */
    readonly onError: (error: unknown) => void;
  };

/** Answers one request. Never rejects. */
export async function handle(deps: HandlerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await route(deps, request, response);
  } catch (error) {
    if (error instanceof ClientGone) return;
    const refusal = refusalOf(error);
    // That there is no room is counted; that the file system said so is news.
    if (refusal.status >= 500 && !(error instanceof HttpRefusal) && !isNoRoom(error)) deps.onError(error);
    // Half an object has gone out: only the end of the connection tells the client so.
    if (response.headersSent) response.destroy();
    else await answerRefusal(request, response, refusal, deps.lingerMs);
  }
}

async function route(deps: HandlerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = parseTarget(request.url ?? '');
  if (target === undefined) throw nothingHere();
  if (request.method === 'PUT') return takeUpload(deps, target, request, response);
  // Nobody would read it, and the connection could be kept with it for ever.
  if (hasBody(request)) throw new HttpRefusal(400, 'FRAME_INVALID', 'Only a PUT has a body.');
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return giveDownload(deps, target, request, response);
    case 'OPTIONS':
      return answerEmpty(response, 204, {
        allow: methods,
        'access-control-allow-methods': methods,
        'access-control-allow-headers': 'Content-Type, Range, If-Range, If-None-Match',
        'access-control-max-age': preflightMaxAgeS,
      });
    default:
      throw new HttpRefusal(405, 'MEDIA_URL_INVALID', `There is ${methods} here.`, { allow: methods });
  }
}
