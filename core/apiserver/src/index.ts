// The public surface of apiserver.

export type { Caller } from './access/authenticator.ts';
export { newSigningKey, openSigningKeys, type SigningKeys } from './access/signing-keys.ts';
export * from './api-server.ts';
export { type AuditSink, openAuditLog } from './audit/log-file.ts';
export { type AuditPolicy, metadataPolicy, readAuditPolicy } from './audit/policy.ts';
export type { BackupSource, BackupStream, BackupWish } from './backup.ts';
export { type EncryptionOptions, encryptStore } from './encryption/encrypted-store.ts';
export * from './errors.ts';
export * from './https-front.ts';
export * from './pki/certificates.ts';
export * from './pki/kubeconfig.ts';
export type { PodLogOptions, PodLogSource } from './pod-log.ts';
export type { ExecTarget, PodStreamSource, StreamTarget } from './streams/pod-streams.ts';
export type { RemoteExit, RemoteStreams } from './streams/session.ts';
export { adminUser, controllersUser, homeUser, nodeUser, systemUser } from './users.ts';
