// How the end of a session is told on its error channel: a Status as the kubelet and the API server's translator write it.

import type { StatusDetails } from '@tweendeck/kube';
import type { ChannelProtocol } from './channels.ts';

/** How a session ended. */
export type SessionEnd =
  | { readonly type: 'exited'; readonly exitCode: number }
  /** It never began: the container is not there, say. */
  | { readonly type: 'refused'; readonly message: string }
  /** It could not be run to its end. */
  | { readonly type: 'failed'; readonly message: string };

/** The text for the error channel; undefined: nothing is said. */
export function endText(protocol: ChannelProtocol, end: SessionEnd): string | undefined {
  if (end.type === 'exited' && end.exitCode === 0) {
    return protocol.statusObject ? JSON.stringify({ metadata: {}, status: 'Success' }) : undefined;
  }
  const failure =
    end.type === 'exited' ? exitFailure(end.exitCode) : internalFailure(protocol, end);
  return protocol.statusObject
    ? JSON.stringify({ metadata: {}, status: 'Failure', ...failure })
    : failure.message;
}

interface Failure {
  readonly message: string;
  readonly reason: string;
  readonly details: StatusDetails;
  readonly code?: number;
}

function exitFailure(exitCode: number): Failure {
  const said = `command terminated with exit code ${exitCode}`;
  return {
    message: `command terminated with non-zero exit code: ${said}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

/** What a kubelet says reaches clients of version 5 by way of the API server's translator, which says once more that it is internal. */
function internalFailure(
  { halfClose }: ChannelProtocol,
  end: { readonly type: 'refused' | 'failed'; readonly message: string },
): Failure {
  const internal = (message: string): Failure => ({
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  });
  if (end.type === 'refused') return internal(`unable to upgrade connection: ${end.message}`);
  const told = internal(end.message);
  return halfClose ? internal(told.message) : told;
}
