"""Reading ``params.yaml`` and explaining what is wrong with it; the presets.

It may stop a stage, but decides no result.
"""
