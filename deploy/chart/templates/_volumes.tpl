{{- define "managed-agents-operator.volumeMounts" -}}
{{- if and .Values.apiKey.existingSecret .Values.apiKey.mounted }}
- name: anthropic-api-key
  mountPath: /etc/anthropic/api-key
  readOnly: true
{{- end }}
{{- if .Values.caBundle.existingConfigMap }}
- name: anthropic-ca
  mountPath: /etc/anthropic/ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "managed-agents-operator.volumes" -}}
{{- if and .Values.apiKey.existingSecret .Values.apiKey.mounted }}
- name: anthropic-api-key
  secret:
    secretName: {{ .Values.apiKey.existingSecret }}
{{- end }}
{{- with .Values.caBundle.existingConfigMap }}
- name: anthropic-ca
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
