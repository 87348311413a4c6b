-- Stops every change but the revocation of keys and clients.
obj.spec.suspend = true
return obj
