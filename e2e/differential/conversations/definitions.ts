// CustomResourceDefinitions and their objects, right ones and wrong ones.

import { cacheServerKind } from '@tweendeck/cacheserver';
import type { Conversation } from '../conversation.ts';

const widgetSchema = `
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1, maximum: 10, description: How large it is.}
              colour: {type: string, enum: [red, green], default: red}
              name: {type: string, pattern: '^[a-z]+$', maxLength: 5}
              replicas: {type: integer, default: 1}
              ports:
                type: array
                maxItems: 5
                items:
                  type: object
                  required: [port]
                  properties: {port: {type: integer}, protocol: {type: string, default: TCP}}
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [port, protocol]
              tags: {type: array, maxItems: 10, items: {type: string, maxLength: 20}, x-kubernetes-list-type: set}
              limit: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              fixed: {type: string, x-kubernetes-validations: [{rule: self == oldSelf, message: fixed cannot be changed}]}
              when: {type: string, format: date-time}
            x-kubernetes-validations:
            - {rule: '!has(self.name) || self.size > 2', message: small ones have no name}
            - {rule: 'self.size < 9', messageExpression: "'size is ' + (self.size > 9 ? 'ten' : 'nine')", fieldPath: .size, reason: FieldValueForbidden}
          status:
            type: object
            properties: {replicas: {type: integer}, phase: {type: string}, selector: {type: string}}`;

const definition = (names: string, version: string, more = ''): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: ${names}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:${version}
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size, description: How large it is}
    - {name: Colour, type: string, jsonPath: .spec.colour, priority: 1}
    - {name: Phase, type: string, jsonPath: .status.phase}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
${more}`;

const names =
  '{plural: widgets, singular: widget, kind: Widget, shortNames: [wd], categories: [all]}';

const widget = (name: string, spec: string): string => `
apiVersion: example.com/v1
kind: Widget
metadata: {name: ${name}}
spec: ${spec}
`;

const wrong = (name: string, spec: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${name}}
spec: ${spec}
`;

export const definitions: Conversation = {
  name: 'definitions',
  servers: 'bare',
  files: {
    'definition.yaml': definition(names, widgetSchema),
    'costly.yaml': definition(
      names,
      widgetSchema.replace("(self.size > 9 ? 'ten' : 'nine')", 'string(self.size)'),
    ),
    'definition-2.yaml': definition(names, widgetSchema.replace('maximum: 10', 'maximum: 20')),
    'taken.yaml': definition(names, widgetSchema).replaceAll('widgets', 'gadgets'),
    'widget.yaml': widget('one', '{size: 3, ports: [{port: 80}], tags: [a, b], limit: 50%}'),
    'widget-2.yaml': widget('one', '{size: 4, colour: green, ports: [{port: 80}, {port: 443}]}'),
    'unknown-field.yaml': widget('unknown', '{size: 3, nonsense: 1, ports: [{port: 1, deep: 2}]}'),
    'too-large.yaml': widget('large', '{size: 11}'),
    'wrong.yaml': widget(
      'wrong',
      '{size: three, colour: blue, name: UPPER, tags: [a, a], limit: [], when: now}',
    ),
    'missing.yaml': widget('missing', '{}'),
    'no-spec.yaml': 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: none}\n',
    'rule.yaml': widget('rule', '{size: 1, name: abc}'),
    'message.yaml': widget('message', '{size: 9}'),
    'duplicate.yaml': widget('duplicate', '{size: 3, ports: [{port: 80}, {port: 80}]}'),
    'fixed.yaml': widget('one', '{size: 3, fixed: a}'),
    'fixed-2.yaml': widget('one', '{size: 3, fixed: b}'),
    'no-group.yaml': wrong('x.y', '{scope: Namespaced, names: {plural: x, kind: X}, versions: []}'),
    'wrong-name.yaml': wrong(
      'wrong.example.com',
      '{group: example.com, scope: Namespaced, names: {plural: others, kind: Other}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}',
    ),
    'not-structural.yaml': wrong(
      'things.example.com',
      '{group: example.com, scope: Namespaced, names: {plural: things, kind: Thing}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {properties: {a: {type: wrong}}}}}}}]}',
    ),
    'wrong-rule.yaml': wrong(
      'things.example.com',
      "{group: example.com, scope: Namespaced, names: {plural: things, kind: Thing}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-validations: [{rule: 'self.absent > 1'}]}}}}}]}",
    ),
    'no-storage.yaml': wrong(
      'things.example.com',
      '{group: example.com, scope: Galactic, names: {plural: things, kind: Thing}, versions: [{name: v1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}, {name: v1, served: true, storage: false}]}',
    ),
    'cache-servers.json': JSON.stringify(cacheServerKind.crd()),
    'cache.yaml':
      'apiVersion: tweendeck.io/v1alpha1\nkind: CacheServer\nmetadata: {name: cache}\nspec: {storage: 1000000000, resources: {limits: {cpu: 100m, memory: 128Mi}}}\n',
    'cache-wrong.yaml':
      'apiVersion: tweendeck.io/v1alpha1\nkind: CacheServer\nmetadata: {name: wrong}\nspec: {storage: lots, replicas: -1, nonsense: 1}\n',
  },
  steps: [
    'kubectl create -f definition.yaml --dry-run=server -o yaml',
    'kubectl create -f costly.yaml',
    'kubectl create -f definition.yaml',
    'kubectl wait crd/widgets.example.com --for=condition=Established --timeout=10s',
    'kubectl get crd widgets.example.com -o yaml',
    'kubectl get crds',
    'kubectl describe crd widgets.example.com',
    'kubectl create -f taken.yaml',
    'kubectl get crd gadgets.example.com -o yaml',
    'kubectl delete crd gadgets.example.com',
    'kubectl api-resources --api-group=example.com',
    'kubectl explain widget',
    'kubectl explain widget.spec --recursive',
    'kubectl explain widget.spec.size',
    'kubectl apply -f widget.yaml',
    'kubectl apply -f widget.yaml',
    'kubectl get widgets',
    'kubectl get wd -o wide',
    'kubectl get widget one -o yaml --show-managed-fields',
    'kubectl get all',
    'kubectl describe widget one',
    'kubectl diff -f widget-2.yaml',
    'kubectl apply -f widget-2.yaml',
    'kubectl apply -f widget-2.yaml --server-side --field-manager=other',
    'kubectl apply -f widget.yaml --server-side --field-manager=third',
    'kubectl apply -f widget.yaml --server-side --field-manager=third --force-conflicts',
    'kubectl get widget one -o yaml --show-managed-fields',
    'kubectl create -f unknown-field.yaml',
    'kubectl create -f unknown-field.yaml --validate=warn',
    'kubectl get widget unknown -o yaml',
    'kubectl create -f too-large.yaml',
    'kubectl create -f wrong.yaml',
    'kubectl create -f wrong.yaml --validate=false',
    'kubectl create -f missing.yaml',
    'kubectl create -f no-spec.yaml',
    'kubectl create -f rule.yaml',
    'kubectl create -f message.yaml',
    'kubectl create -f duplicate.yaml',
    'kubectl replace -f fixed.yaml',
    'kubectl replace -f fixed-2.yaml',
    `kubectl patch widget one --type=merge -p '{"spec":{"size":5}}'`,
    `kubectl patch widget one --type=strategic -p '{"spec":{"size":5}}'`,
    `kubectl patch widget one --type=json -p '[{"op":"replace","path":"/spec/size","value":50}]'`,
    `kubectl patch widget one --subresource=status --type=merge -p '{"status":{"phase":"Good","replicas":1,"selector":"a=b"},"spec":{"size":1}}'`,
    'kubectl get widgets',
    'kubectl scale widget one --replicas=3',
    'kubectl get widget one --subresource=scale -o yaml',
    'kubectl get widget one -o yaml --show-managed-fields',
    'kubectl label widget one tier=front',
    'kubectl edit widget one',
    'kubectl rollout restart widget/one',
    `kubectl wait widget/one --for=jsonpath='{.status.phase}'=Good --timeout=2s`,
    {
      run: 'kubectl get widgets -w',
      during: ['kubectl annotate widget one note=text', 'kubectl delete widget unknown'],
    },
    'kubectl apply -f definition-2.yaml',
    'kubectl delete widget one',
    'kubectl get widget one',
    'kubectl create -f no-group.yaml',
    'kubectl create -f wrong-name.yaml',
    'kubectl create -f not-structural.yaml',
    'kubectl create -f wrong-rule.yaml',
    'kubectl create -f no-storage.yaml',
    'kubectl delete crd widgets.example.com',
    'kubectl get widgets',
    'kubectl apply -f cache-servers.json --server-side',
    'kubectl get crd cacheservers.tweendeck.io -o yaml',
    'kubectl create -f cache.yaml',
    'kubectl get cacheservers',
    'kubectl get cacheserver cache -o yaml',
    'kubectl describe cacheserver cache',
    'kubectl explain cacheserver.spec',
    'kubectl explain cacheserver --recursive',
    'kubectl create -f cache-wrong.yaml',
    'kubectl scale cacheserver cache --replicas=2',
    'tweendeck get cacheservers',
    'tweendeck get cacheserver cache -o yaml',
    'tweendeck get pods',
    'tweendeck apply -f cache.yaml',
    'tweendeck describe cacheserver cache',
    'tweendeck delete cacheserver cache',
    'tweendeck get cacheserver cache',
  ],
};
