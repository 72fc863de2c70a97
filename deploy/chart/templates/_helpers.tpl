{{- define "managed-agents-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* What the release's objects are called. */ -}}
{{- define "managed-agents-operator.fullname" -}}
{{- $name := include "managed-agents-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "managed-agents-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "managed-agents-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "managed-agents-operator.labels" -}}
{{ include "managed-agents-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "managed-agents-operator.serviceAccountName" -}}
{{- $own := ternary (include "managed-agents-operator.fullname" .) "default" .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end -}}

{{- define "managed-agents-operator.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- /* The namespace whose uid names the cluster. */ -}}
{{- define "managed-agents-operator.identityNamespace" -}}
{{- $own := ternary .Release.Namespace "kube-system" (not (empty .Values.namespaces)) -}}
{{- .Values.settings.identityNamespace | default $own -}}
{{- end -}}

{{- define "managed-agents-operator.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "managed-agents-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- /*
Whether an object that a cluster has once, (dict "root" $ "apiVersion" … "kind" … "name" …), was made by somebody else:
Helm would refuse the whole release because of it. Without a cluster to ask, as in `helm template`, nobody did.
*/ -}}
{{- define "managed-agents-operator.taken" -}}
{{- with lookup .apiVersion .kind "" .name -}}
{{- $annotations := .metadata.annotations | default dict -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" -}}
{{- if or (ne $release $.root.Release.Name) (ne $namespace $.root.Release.Namespace) -}}
{{- ternary (printf "release %s of namespace %s" $release $namespace) "kubectl or another tool" (ne $release "") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The port of the API among those that may be called. */ -}}
{{- define "managed-agents-operator.egressPorts" -}}
{{- $ports := .Values.networkPolicy.egressPorts -}}
{{- with .Values.baseURL -}}
{{- $url := urlParse . -}}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port := $named | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- if not (has $port (toStrings $ports)) -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- end -}}
{{- toYaml $ports -}}
{{- end -}}

{{- /* All settings as variables. Numbers as JSON has them, since a float would become 1e+06. */ -}}
{{- define "managed-agents-operator.env" -}}
{{- with .Values.apiKey }}
{{- if and .existingSecret .mounted }}
- name: MANAGED_AGENTS_API_KEY_FILE
  value: /etc/anthropic/api-key/{{ .key }}
{{- else if .existingSecret }}
- name: ANTHROPIC_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .key }}
      optional: true
{{- end }}
{{- end }}
{{- with .Values.authToken }}
{{- if .existingSecret }}
- name: ANTHROPIC_AUTH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- with .Values.baseURL }}
- name: ANTHROPIC_BASE_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.caBundle }}
{{- if .existingConfigMap }}
- name: SSL_CERT_FILE
  value: /etc/anthropic/ca/{{ .key }}
{{- end }}
{{- end }}
{{- with .Values.namespaces }}
- name: MANAGED_AGENTS_NAMESPACES
  value: {{ join "," . | quote }}
- name: MANAGED_AGENTS_IDENTITY_NAMESPACE
  value: {{ include "managed-agents-operator.identityNamespace" $ }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if not (or (kindIs "invalid" $value) (and (eq $name "identityNamespace") $.Values.namespaces)) }}
- name: MANAGED_AGENTS_{{ snakecase $name | upper }}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
