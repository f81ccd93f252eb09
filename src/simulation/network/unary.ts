import { EventEmitter } from 'node:events';
import type { handleUnaryCall, Metadata, ServerUnaryCall, ServiceError } from '@grpc/grpc-js';
import type { SimulatedProcess } from '../world/process.ts';
import type { Scheduler } from '../world/scheduler.ts';
import { type CallStatus, statusOf, unavailable } from './call-status.ts';

/** A call that was not answered with OK. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly status: CallStatus;

  constructor(status: CallStatus) {
    super(`${status.code} ${status.reason} ${status.details}`);
    this.status = status;
  }
}

/** How often somebody who calls looks whether the server's process still lives. */
const watchMs = 500;

/** Longer than any call's deadline at the server. */
const deadlineMs = 30_000;

const deadlineExceeded: CallStatus = { reason: '', code: 4, details: 'deadline exceeded' };

/** One request, one answer, over the network. Rejects with CallFailed. */
export function callUnary<Request, Response>(
  { scheduler, process, metadata }: UnaryTarget,
  handler: handleUnaryCall<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const settle = (done: () => void) => {
      if (isOver) return;
      isOver = true;
      done();
    };
    const untilMs = scheduler.nowMs + deadlineMs;
    const watch = () => {
      if (isOver) return;
      if (!process.isAlive) return settle(() => reject(new CallFailed(unavailable)));
      if (scheduler.nowMs >= untilMs) return settle(() => reject(new CallFailed(deadlineExceeded)));
      scheduler.after(watchMs, watch);
    };
    scheduler.after(watchMs, watch);
    const call = Object.assign(new EventEmitter(), {
      request,
      metadata,
      cancelled: false,
      getPeer: () => '10.0.0.1:1',
    });
    process.later(1, () =>
      handler(call as unknown as ServerUnaryCall<Request, Response>, (error, response) => {
        scheduler.after(1, () =>
          settle(() => {
            if (error) reject(new CallFailed(statusOf(error as Partial<ServiceError>)));
            else resolve(response as Response);
          }),
        );
      }),
    );
  });
}

export interface UnaryTarget {
  readonly scheduler: Scheduler;
  readonly process: SimulatedProcess;
  readonly metadata: Metadata;
}
