"""`make argocd`: writes what is made of other files, deploy/argocd/argocd-cm.yaml and the recorded statuses."""

from tests.health import argocd, recording

argocd.FILE.write_text(argocd.text())
recording.FILE.write_text(recording.text())
