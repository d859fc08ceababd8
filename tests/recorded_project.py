"""A small ``dvc.lock``, as DVC would write it."""

LOCK_FILE = f"""\
schema: '2.0'
stages:
  download@faces:
    cmd: python -m stages.download --source 'catalogue/faces' --out data/raw/faces
    outs:
    - {{path: data/raw/faces, hash: md5, md5: {"a" * 32}.dir}}
  download@photos:
    cmd: python -m stages.download --source 'catalogue/photos' --out data/raw/photos
    deps:
    - {{path: catalogue/photos, hash: md5, md5: {"9" * 32}.dir}}
    - {{path: pipeline/datasets, hash: md5, md5: {"8" * 32}.dir}}
    params:
      params.yaml:
        datasets.photos: {{kind: skimage, images: [moon]}}
        resources.threads: 2
    outs:
    - {{path: data/raw/photos, hash: md5, md5: {"b" * 32}.dir}}
  degrade@noise:
    cmd: python -m stages.degrade --raw data/raw --out data/pairs/noise
    deps:
    - {{path: data/raw, hash: md5, md5: {"1" * 32}.dir}}
    params:
      params.yaml:
        patches.gray: {{dataset: photos}}
    outs:
    - {{path: data/pairs/noise, hash: md5, md5: {"c" * 32}.dir}}
  count:
    cmd: python -m stages.count
    deps:
    - {{path: data/raw, hash: md5, md5: {"1" * 32}.dir}}
    outs:
    - {{path: data/count, hash: md5, md5: {"2" * 32}}}
  train@small:
    cmd: python -m stages.train --training_set data/pairs/noise --out data/models/small
    deps:
    - {{path: data/pairs/noise, hash: md5, md5: {"c" * 32}.dir}}
    params:
      params.yaml:
        seed: 0
        recipes.quick: {{steps: 750}}
    outs:
    - {{path: data/models/small, hash: md5, md5: {"d" * 32}.dir}}
  evaluate@small:
    cmd: python -m stages.evaluate --weights data/models/small --out data/evaluated/small
    deps:
    - {{path: data/models/small, hash: md5, md5: {"e" * 32}.dir}}
    - {{path: data/pairs/noise, hash: md5, md5: {"c" * 32}.dir}}
    outs:
    - {{path: data/evaluated/small, hash: md5, md5: {"f" * 32}.dir}}
"""
