// Watches over the requests of a program: counts them under client-go's metric names, and says whether answers come.

import type { ApiResponse, ApiTransport } from '@tweendeck/kube';
import { type Clock, messageOf } from '@tweendeck/std';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export interface ObservingOptions {
  readonly metrics: Metrics;
  /** Told, as `api-server`, that the last request got no answer, or 503. */
  readonly health: Health;
  readonly clock: Clock;
  /** Metric label: `host:port` of the API server. */
  readonly host: string;
}

/** The same transport under observation. Dispose when no more is asked through it. */
export function observedTransport(
  transport: ApiTransport,
  options: ObservingOptions,
): ApiTransport & Disposable {
  const { clock, health, host, metrics } = options;
  let problem: string | undefined = 'no request was answered yet';
  const check = health.add('api-server', () => problem);
  return {
    async request(request, signal) {
      const startedMs = clock.monotonicMs();
      let code = '<error>';
      try {
        const response = await transport.request(request, signal);
        code = String(response.status);
        problem = problemOf(response);
        return response;
      } catch (error) {
        if (!signal.aborted) problem = messageOf(error);
        throw error;
      } finally {
        const { method } = request;
        const seconds = (clock.monotonicMs() - startedMs) / 1_000;
        metrics.count('rest_client_requests_total', { code, host, method });
        metrics.observe('rest_client_request_duration_seconds', { host, verb: method }, seconds);
      }
    },
    [Symbol.dispose]: () => check[Symbol.dispose](),
  };
}

/** A server that answers is there, whatever it thinks of the request; 503 is what proxies and starting servers say. */
function problemOf({ status }: ApiResponse): string | undefined {
  return status === 503 ? 'the API server answers 503' : undefined;
}
