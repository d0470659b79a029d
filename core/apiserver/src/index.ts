// The public surface of apiserver.

export * from './api-server.ts';
export * from './errors.ts';
export { adminUser, systemUser } from './users.ts';
