{{- /* Generated from the code by "npm run generate:chart"; do not edit. */ -}}

{{- define "tweendeck.rules.controllers" -}}
- apiGroups:
    - ""
  resources:
    - configmaps
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - ""
  resources:
    - events
  verbs:
    - create
    - patch
- apiGroups:
    - ""
  resources:
    - persistentvolumeclaims
  verbs:
    - list
    - patch
    - watch
- apiGroups:
    - ""
  resources:
    - pods
  verbs:
    - delete
    - list
    - patch
    - watch
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - create
    - get
    - patch
- apiGroups:
    - ""
  resources:
    - serviceaccounts
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - ""
  resources:
    - services
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - apps
  resources:
    - deployments
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - apps
  resources:
    - statefulsets
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - batch
  resources:
    - cronjobs
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - batch
  resources:
    - jobs
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - discovery.k8s.io
  resources:
    - endpointslices
  verbs:
    - list
    - watch
- apiGroups:
    - policy
  resources:
    - poddisruptionbudgets
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - rbac.authorization.k8s.io
  resources:
    - rolebindings
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - rbac.authorization.k8s.io
  resources:
    - roles
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - backups
  verbs:
    - create
    - delete
    - get
    - list
    - patch
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - backups/status
  verbs:
    - patch
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers/status
  verbs:
    - patch
- apiGroups:
    - tweendeck.io
  resources:
    - memcacheds
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - memcacheds/status
  verbs:
    - patch
- apiGroups:
    - tweendeck.io
  resources:
    - redisclusters
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - redisclusters/status
  verbs:
    - patch
- apiGroups:
    - tweendeck.io
  resources:
    - redissentinels
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - redissentinels/status
  verbs:
    - patch
{{- end }}

{{- define "tweendeck.rules.view" -}}
- apiGroups:
    - tweendeck.io
  resources:
    - backups
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - backups/status
  verbs:
    - get
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers/status
    - cacheservers/scale
  verbs:
    - get
- apiGroups:
    - tweendeck.io
  resources:
    - memcacheds
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - memcacheds/status
  verbs:
    - get
- apiGroups:
    - tweendeck.io
  resources:
    - redisclusters
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - redisclusters/status
  verbs:
    - get
- apiGroups:
    - tweendeck.io
  resources:
    - redissentinels
  verbs:
    - get
    - list
    - watch
- apiGroups:
    - tweendeck.io
  resources:
    - redissentinels/status
  verbs:
    - get
{{- end }}

{{- define "tweendeck.rules.edit" -}}
- apiGroups:
    - tweendeck.io
  resources:
    - backups
  verbs:
    - create
    - delete
    - deletecollection
    - patch
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers
  verbs:
    - create
    - delete
    - deletecollection
    - patch
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers/scale
  verbs:
    - patch
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - memcacheds
  verbs:
    - create
    - delete
    - deletecollection
    - patch
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - redisclusters
  verbs:
    - create
    - delete
    - deletecollection
    - patch
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - redissentinels
  verbs:
    - create
    - delete
    - deletecollection
    - patch
    - update
{{- end }}

{{- define "tweendeck.rules.admin" -}}
- apiGroups:
    - tweendeck.io
  resources:
    - backups
  verbs:
    - "*"
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers
  verbs:
    - "*"
- apiGroups:
    - tweendeck.io
  resources:
    - memcacheds
  verbs:
    - "*"
- apiGroups:
    - tweendeck.io
  resources:
    - redisclusters
  verbs:
    - "*"
- apiGroups:
    - tweendeck.io
  resources:
    - redissentinels
  verbs:
    - "*"
{{- end }}

{{- define "tweendeck.rules.finalizers" -}}
- apiGroups:
    - tweendeck.io
  resources:
    - backups/finalizers
  verbs:
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - cacheservers/finalizers
  verbs:
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - memcacheds/finalizers
  verbs:
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - redisclusters/finalizers
  verbs:
    - update
- apiGroups:
    - tweendeck.io
  resources:
    - redissentinels/finalizers
  verbs:
    - update
{{- end }}
