{{/* Each verb is used, and none beside it. Watching Secrets, metadata or not, is the right to read them. */}}
{{- define "fapi-operator.rules" -}}
- apiGroups: [fapi.rs]
  resources: [workspaces, clients, signingkeys]
  verbs: [list, watch]
- apiGroups: [fapi.rs]
  resources: [workspaces/status, clients/status, signingkeys/status]
  verbs: [patch]
# Removes the finalizer fapi.rs/revocation where a person has put it; never adds one.
- apiGroups: [fapi.rs]
  resources: [clients]
  verbs: [patch]
# keys.autoCreate
- apiGroups: [fapi.rs]
  resources: [signingkeys]
  verbs: [create, patch]
# Children name their Workspace as the owner that waits for them, where the cluster checks that.
- apiGroups: [fapi.rs]
  resources: [workspaces/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [list, watch, create, patch]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, create, patch]
# A touched annotation makes the kubelet look at the mounted configuration at once.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
{{- if .Values.clusterWide }}
# allowedClients.selector
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
# server.autoscaling
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
{{- with .Values.integrations }}
{{- if .certManager }}
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [list, watch, create, patch, delete]
{{- end }}
{{- if .gatewayApi }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [tlsroutes]
  verbs: [list, watch, create, patch, delete]
{{- end }}
{{- if .serviceMonitor }}
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [list, watch, create, patch, delete]
{{- end }}
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* Where there are Clients alone: nothing is made, and nothing written but how they are. */}}
{{- define "fapi-operator.clientRules" -}}
- apiGroups: [fapi.rs]
  resources: [clients]
  verbs: [list, watch]
- apiGroups: [fapi.rs]
  resources: [clients/status]
  verbs: [patch]
# Removes the finalizer fapi.rs/revocation where a person has put it; never adds one.
- apiGroups: [fapi.rs]
  resources: [clients]
  verbs: [patch]
# What Clients refer to. Only Secrets with the label are used; the API server knows no right for a label. ConfigMaps hold logos.
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "fapi-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "fapi-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
