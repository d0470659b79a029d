// The public surface of kube.

export * from './api-message.ts';
export {
  type ApplyRequest,
  type ApplyResult,
  applyConfiguration,
} from './apply/apply-configuration.ts';
export { type ApplyConflict, conflictError } from './apply/apply-conflict.ts';
export { FieldSet, fieldSetOf } from './apply/field-set.ts';
export { decodeFieldsV1, encodeFieldsV1 } from './apply/fields-v1.ts';
export { customObjectSchema, type ObjectSchema, objectSchema } from './apply/object-schema.ts';
export type { KindVersions } from './apply/object-versions.ts';
export { type ManagedUpdate, updateManagedFields } from './apply/update-managed-fields.ts';
export type { AccessAnswer, AccessQuestion } from './cel/authorizer.ts';
export { type Condition as CelCondition, compileCondition } from './cel/condition.ts';
export { describeValue } from './cel/describe-value.ts';
export { estimateCost } from './cel/estimate.ts';
export { compileExpression, type Expression, scopeOf } from './cel/expression.ts';
export { declareSchema } from './cel/schema-values.ts';
export { Failure } from './cel/value.ts';
export * from './cron/cron-schedule.ts';
export { type GoDuration, parseGoDuration } from './cron/go-duration.ts';
export { isTimeZone, zonedTimestamp } from './cron/local-time.ts';
export * from './errors.ts';
export * from './field-error.ts';
export * from './field-selector.ts';
export * from './generated/kinds.ts';
export { goList, goQuote, goQuotedList, goSelector, goStruct } from './go-format.ts';
export { goJsonError } from './go-json-error.ts';
export { goPlain } from './go-plain.ts';
export { goTimeProblem, readGoTime } from './go-time.ts';
export { directoryFinalizer, localProvisioner } from './local-volumes.ts';
export * from './names.ts';
export * from './object.ts';
export * from './patch/json-patch.ts';
export { applyMergePatch } from './patch/merge-patch.ts';
export { applyStrategicPatch } from './patch/strategic-patch.ts';
export { decodeProtobuf, isProtobuf } from './protobuf/decode-protobuf.ts';
export { loadProtobufTables, type ProtobufTables } from './protobuf/protobuf-tables.ts';
export * from './quantity.ts';
export { Pattern } from './regex/pattern.ts';
export * from './resource.ts';
export * from './schema/compile.ts';
export type { DecodeError } from './schema/decode-check.ts';
export * from './schema/json-schema.ts';
export * from './schema/kind.ts';
export * from './schema/tolerations.ts';
export type { ResolveReference } from './schema/tree.ts';
export * from './schema/type.ts';
export * from './schema-node.ts';
export * from './selector.ts';
export * from './status.ts';
