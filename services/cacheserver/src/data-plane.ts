// The data plane alone: a process that only serves, imports or asks loads nothing of the control plane.

export * from './cleaner/cleaner.ts';
export * from './cleaner/cleaner-report.ts';
export * from './cleaner/cleaner-rules.ts';
export * from './client/cache-client.ts';
export * from './client/far-cache.ts';
export * from './config/cache-config.ts';
export * from './config/rules-document.ts';
export * from './dataplane/access/policy.ts';
export * from './dataplane/cache-server.ts';
export * from './dataplane/cache-store.ts';
export * from './dataplane/counters.ts';
export * from './dataplane/limits.ts';
export * from './dataplane/listen.ts';
export * from './dataplane/server-stats.ts';
export * from './dataplane/value-store.ts';
export * from './errors.ts';
export * from './import/export-file.ts';
export * from './import/import-directory.ts';
export * from './import/import-transactions.ts';
export * from './import/make-export.ts';
export * from './import/peer-directory.ts';
export * from './replay/replay.ts';
export * from './scrub/scrubber.ts';
export * from './serve.ts';
