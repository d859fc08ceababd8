"""One module a stage of ``dvc.yaml``: each reads files, calls the library and writes files."""
