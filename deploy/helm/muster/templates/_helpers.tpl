{{- define "muster.secret" -}}
{{- required "existingSecret must name a Secret with DATABASE_URL, REDIS_URL and MUSTER_SECRET_KEY" .Values.existingSecret -}}
{{- end -}}

{{- define "muster.labels" -}}
app.kubernetes.io/name: muster
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "muster.selector" -}}
app.kubernetes.io/name: muster
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "muster.environment" -}}
envFrom:
  - secretRef:
      name: {{ include "muster.secret" . }}
  - configMapRef:
      name: {{ .Release.Name }}-settings
{{- end -}}

{{- define "muster.checksum" -}}
checksum/settings: {{ include (print .Template.BasePath "/settings.yaml") . | sha256sum }}
{{- end -}}

{{- define "muster.firstHost" -}}
{{- splitList "," .Values.allowedHosts | first | trim -}}
{{- end -}}

{{- define "muster.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "muster.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
automountServiceAccountToken: false
{{- end -}}

{{- define "muster.alive" -}}
exec:
  command: ["./muster", "worker", "alive", "--queue", {{ . | quote }}]
initialDelaySeconds: 60
periodSeconds: 30
timeoutSeconds: 10
failureThreshold: 4
{{- end -}}
