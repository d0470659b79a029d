// The public surface of engine.

export type { BackedUpEngine } from './backup/backed-up.ts';
export { backupController } from './backup/backup-controller.ts';
export { backupKind } from './backup/backup-kind.ts';
export { clusterBackupsController } from './backup/cluster-backups.ts';
export { directoryStore } from './backup/directory-store.ts';
export type { FileStore } from './backup/file-store.ts';
export { fillFromBackup } from './backup/fill.ts';
export type { DirectoryRule } from './backup/place.ts';
export * from './backup/program.ts';
export { backupImage } from './backup/render-job.ts';
export { s3Store } from './backup/s3-store.ts';
export { sizeText } from './backup/size-text.ts';
export { takeBackup } from './backup/take.ts';
export {
  type FilesTask,
  type FillTask,
  type MembersTask,
  type TakeTask,
  taskVariable,
} from './backup/task.ts';
export * from './cluster-kind.ts';
export * from './cluster-spec.ts';
export type { ChildChange } from './dry-run/child-changes.ts';
export type { DryRun, DryRunTools } from './dry-run/dry-run-words.ts';
export { foreseenSteps } from './dry-run/foreseen.ts';
export type { PlannedStep } from './dry-run/planned-steps.ts';
export * from './engine.ts';
export * from './engine-controller.ts';
export * from './engine-module.ts';
export { engineErrors } from './errors.ts';
export { fleetController } from './fleet/fleet-controller.ts';
export * from './fleet/fleet-engine.ts';
export * from './member.ts';
export { observe } from './observe.ts';
export { placesOf } from './places.ts';
export { type Action, planCluster } from './plan.ts';
export * from './secrets/passwords.ts';
export { EngineFigures } from './telemetry/figures.ts';
export * from './telemetry/telemetry.ts';
