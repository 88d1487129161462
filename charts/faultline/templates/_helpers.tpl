{{- define "faultline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "faultline.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "faultline.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Name of what is outside of namespaces: two releases of one name do not meet. */}}
{{- define "faultline.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "faultline.fullname" .) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "faultline.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Of one component: (dict "root" $ "component" "agent"). */}}
{{- define "faultline.selector" -}}
app.kubernetes.io/name: {{ include "faultline.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "faultline.labels" -}}
{{ include "faultline.selector" . }}
app.kubernetes.io/part-of: faultline
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ include "faultline.chart" .root }}
{{- end }}

{{- define "faultline.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "faultline.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "faultline.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "faultline.manyReplicas" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) }}yes{{ end }}
{{- end }}

{{- /* The volume of DATA_DIR outlives the pod. */}}
{{- define "faultline.keepsData" -}}
{{- if and .Values.persistence.enabled (not .Values.database.existingSecret) }}yes{{ end }}
{{- end }}

{{- /* The restricted pod security standard; user 65532 is the image's. */}}
{{- define "faultline.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "faultline.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* A plain setting as the text of its variable; numbers without an exponent. */}}
{{- define "faultline.setting" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- /* What the chart sets itself, as JSON. */}}
{{- define "faultline.ownSettings" -}}
{{- $own := dict "APP_HOST" "0.0.0.0" "APP_PORT" "8000" "DATA_DIR" "/var/lib/faultline" "REMEDIATION_MODE" "off" }}
{{- with .Values.auth.mode }}{{ $_ := set $own "AUTH_MODE" . }}{{ end }}
{{- if .Values.auth.apiKeys.existingSecret }}{{ $_ := set $own "API_KEYS_FILE" (printf "/etc/faultline/api-keys/%s" .Values.auth.apiKeys.key) }}{{ end }}
{{- if .Values.runbooks.existingConfigMap }}{{ $_ := set $own "RUNBOOK_DIR" "/etc/faultline/runbooks" }}{{ end }}
{{- if .Values.rules.existingConfigMap }}{{ $_ := set $own "RULES_DIR" "/etc/faultline/rules" }}{{ end }}
{{- if .Values.qdrant.enabled }}{{ $_ := set $own "QDRANT_URL" (printf "http://%s-qdrant:6334" (include "faultline.fullname" .)) }}
{{- else if .Values.qdrant.url }}{{ $_ := set $own "QDRANT_URL" .Values.qdrant.url }}{{ end }}
{{- if .Values.remediation.enabled }}
{{- $_ := set $own "REMEDIATION_MODE" .Values.remediation.mode }}
{{- with .Values.remediation.protectedNamespaces }}
{{- $_ := set $own "PROTECTED_NAMESPACES" (concat (list "kube-system" "kube-public" "kube-node-lease") . | uniq | join ",") }}
{{- end }}
{{- if .Values.remediation.policy }}{{ $_ := set $own "POLICY_FILE" "/etc/faultline/policy/policy.yaml" }}{{ end }}
{{- end }}
{{- toJson $own }}
{{- end }}

{{- /* Values that do not go together end the rendering, with what to do. */}}
{{- define "faultline.check" -}}
{{- if and (include "faultline.manyReplicas" .) (not .Values.database.existingSecret) }}
{{- fail "more than one replica needs Postgres: set database.existingSecret, or replicaCount to 1 and autoscaling.enabled to false" }}
{{- end }}
{{- if and .Values.qdrant.enabled .Values.qdrant.url }}
{{- fail "qdrant.enabled and qdrant.url exclude each other" }}
{{- end }}
{{- if and (eq .Values.auth.mode "api-key") (not .Values.auth.apiKeys.existingSecret) }}
{{- fail "auth.mode api-key needs auth.apiKeys.existingSecret" }}
{{- end }}
{{- if and .Values.auth.apiKeys.existingSecret (has .Values.auth.mode (list "" "none")) }}
{{- fail "auth.apiKeys.existingSecret needs auth.mode: api-key, or oidc or kubernetes with keys beside tokens" }}
{{- end }}
{{- if and (eq .Values.auth.mode "oidc") (not (or .Values.extraEnv .Values.extraEnvFrom .Values.existingSecret (and .Values.config.OIDC_ISSUER .Values.config.OIDC_AUDIENCE))) }}
{{- fail "auth.mode oidc needs config.OIDC_ISSUER and config.OIDC_AUDIENCE" }}
{{- end }}
{{- if and .Values.secret.values (not .Values.secret.create) }}
{{- fail "secret.values are used only with secret.create" }}
{{- end }}
{{- if .Values.remediation.enabled }}
{{- if not .Values.remediation.namespaces }}
{{- fail "remediation.enabled needs remediation.namespaces: the only namespaces where anything may be changed" }}
{{- end }}
{{- range .Values.remediation.namespaces }}
{{- if or (hasPrefix "kube-" .) (has . $.Values.remediation.protectedNamespaces) }}
{{- fail (printf "namespace %s is protected: it cannot be in remediation.namespaces" .) }}
{{- end }}
{{- end }}
{{- if and .Values.remediation.admissionPolicy.enabled (semverCompare "<1.30-0" .Capabilities.KubeVersion.Version) }}
{{- fail "remediation.admissionPolicy needs Kubernetes 1.30 or newer" }}
{{- end }}
{{- end }}
{{- $own := include "faultline.ownSettings" . | fromJson }}
{{- range $name, $_ := .Values.config }}
{{- if or (hasKey $own $name) (eq $name "POD_NAMESPACE") }}
{{- fail (printf "config.%s is set by another value of the chart" $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "faultline.ports" -}}
{{- range . }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}

{{- /* Ranges of addresses, never with the address where clouds hand out credentials. */}}
{{- define "faultline.ranges" -}}
{{- range . }}
- ipBlock:
    cidr: {{ . | quote }}
    {{- if eq . "0.0.0.0/0" }}
    except: [169.254.0.0/16]
    {{- else if eq . "::/0" }}
    except: ["fe80::/10", "fd00:ec2::254/128"]
    {{- end }}
{{- end }}
{{- end }}

{{- /* A rule of {to, ports}; any address when `to` is empty. */}}
{{- define "faultline.egress" -}}
- ports:
    {{- include "faultline.ports" .ports | nindent 4 }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
