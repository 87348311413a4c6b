{{- define "fapi-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Everything is called this, so it leaves room for the longest suffix. */}}
{{- define "fapi-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* What selects the operator's pods; immutable in a Deployment. */}}
{{- define "fapi-operator.selector" -}}
app.kubernetes.io/name: {{ include "fapi-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fapi-operator.labels" -}}
{{ include "fapi-operator.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: fapi
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "fapi-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "fapi-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "fapi-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The namespaces that are served, as a JSON list. */}}
{{- define "fapi-operator.namespaces" -}}
{{- default (list .Release.Namespace) .Values.watchNamespaces | uniq | toJson }}
{{- end }}

{{/* The namespaces that hold Clients alone, as a JSON list. */}}
{{- define "fapi-operator.clientNamespaces" -}}
{{- $served := include "fapi-operator.namespaces" . | fromJsonArray }}
{{- $more := list }}
{{- range .Values.clientNamespaces }}
{{- if not (has . $served) }}{{ $more = append $more . }}{{ end }}
{{- end }}
{{- $more | toJson }}
{{- end }}

{{/* The label `job` of what is scraped, by which alerts tell this operator from another. */}}
{{- define "fapi-operator.job" -}}
{{ .Release.Namespace }}/{{ include "fapi-operator.fullname" . }}
{{- end }}

{{/* What a schema cannot say in words. */}}
{{- define "fapi-operator.validate" -}}
{{- with .Values }}
{{- if and .clusterWide .watchNamespaces }}
{{- fail "clusterWide and watchNamespaces exclude each other: remove watchNamespaces to serve the whole cluster, or set clusterWide to false" }}
{{- end }}
{{- if and .clusterWide .clientNamespaces }}
{{- fail "clusterWide and clientNamespaces exclude each other: remove clientNamespaces, as Clients are served everywhere, or set clusterWide to false" }}
{{- end }}
{{- if and (gt (int .replicas) 1) (not .leaderElection) }}
{{- fail "replicas: more than one needs leaderElection: set leaderElection to true, or replicas to 1" }}
{{- end }}
{{- if not (or .serviceAccount.create .serviceAccount.name) }}
{{- fail "serviceAccount.name: write the name of the ServiceAccount, as serviceAccount.create is false" }}
{{- end }}
{{- end }}
{{- if .Values.metrics.serviceMonitor.enabled }}
{{- include "fapi-operator.asksFor" (list . "metrics.serviceMonitor.enabled" "ServiceMonitor") }}
{{- end }}
{{- if .Values.metrics.prometheusRule.enabled }}
{{- include "fapi-operator.asksFor" (list . "metrics.prometheusRule.enabled" "PrometheusRule") }}
{{- end }}
{{- end }}

{{- define "fapi-operator.asksFor" -}}
{{- $root := index . 0 }}{{ $value := index . 1 }}{{ $kind := index . 2 }}
{{- $api := printf "monitoring.coreos.com/v1/%s" $kind }}
{{- if not ($root.Capabilities.APIVersions.Has $api) }}
{{- fail (printf "%s: this cluster has no %s (monitoring.coreos.com/v1): install the Prometheus operator first, or leave the value out; for helm template, add --api-versions %s" $value $kind $api) }}
{{- end }}
{{- end }}
