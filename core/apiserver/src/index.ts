// The public surface of apiserver.

export * from './api-server.ts';
export * from './errors.ts';
export * from './https-front.ts';
export * from './pki/certificates.ts';
export * from './pki/kubeconfig.ts';
export type { PodLogOptions, PodLogSource } from './pod-log.ts';
export { adminUser, systemUser } from './users.ts';
